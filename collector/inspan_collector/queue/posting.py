"""What one post of copies leaves on disk: rows of those that stay, none of those that lost to another."""

from collections.abc import Hashable, Iterable, Mapping
from itertools import chain, count

from inspan_collector.formats import span_json
from inspan_collector.pledge import Pledge
from inspan_collector.queue.bundle import Bundle, Copies
from inspan_collector.queue.journal import Journal
from inspan_collector.row import Row


class Posting:
    """Made before the copies of a post meet those that wait, and told when they have met.

    Of two copies of a span one stays. Where the other has a row, the one that stays is written too, and that row goes
    in the same moment; where there is no room for it, that row stands for it until it has its fate. So what was
    promised to be on disk is never off it, and of one span that waits no more than one row counts.

    by_key, waiting: where the copies are that wait, and their seqs. opened, ended: the copies of the post.
    """

    def __init__(
        self,
        journal: Journal,
        by_key: Mapping[Hashable, Bundle | None],
        waiting: dict[Hashable, int],
        opened: Mapping[Hashable, bytes],
        ended: Mapping[Hashable, bytes],
    ) -> None:
        self.journal = journal
        self.by_key = by_key
        self.waiting = waiting
        seqs = dict(zip(chain(ended, opened), count(journal.number(len(opened) + len(ended))), strict=False))
        met = {key: waiting[key] for key in seqs.keys() & waiting.keys()}
        self.lost_to = {key: met[key] for key in met if self._at(key).ended and key in opened}  # an open copy says less
        self.stay = {key: seq for key, seq in seqs.items() if key not in self.lost_to} if self.lost_to else seqs
        self.replaced = {seqs[key]: seq for key, seq in met.items() if key not in self.lost_to}

    def _at(self, key: Hashable) -> Bundle:
        bundle = self.by_key[key]
        assert bundle is not None  # noqa: S101 -- what has a seq here waits
        return bundle

    def write(self, pledge: Pledge | None) -> None:
        """The copies have met, and wait where they wait."""
        self.waiting.update(self.stay)
        journal = self.journal
        eager = journal.eager(pledge)
        if eager:
            keys = [*self.stay, *(key for key, seq in self.lost_to.items() if not journal.has_row(seq))]
        else:  # were it sent and we killed, the row that it replaces would be sent after it
            keys = [key for key, seq in self.stay.items() if seq in self.replaced and journal.stood(self.replaced[seq])]
        if eager or keys:
            rows = [row for key in keys for row in rows_of(self._at(key), [key], self.waiting, journal)]
            if journal.put(rows, self.replaced, pledge):
                return
        if self.replaced:
            journal.inherit(self.replaced)


def rows_of(bundle: Bundle, keys: Iterable[Hashable], seqs: Mapping[Hashable, int], journal: Journal) -> list[Row]:
    """Some copies of a bundle as rows."""
    arrived, agent = journal.wall(bundle.arrived), str(bundle.agent)
    return [
        Row(
            seqs[key],
            journal.destination,
            span_json.name,
            1,
            arrived,
            agent,
            bundle.copies[key],
            span_json.fingerprint(key),
            bundle.ended,
        )
        for key in keys
    ]


def rows_of_copies(copies: Copies, journal: Journal) -> list[Row]:
    """Copies in flight as rows, as far as they have none of their own."""
    bodies = dict(zip(copies.keys, span_json.spans_of(copies.body), strict=True))
    seqs = dict(zip(copies.keys, copies.seqs, strict=True))
    bundle = Bundle(copies.agent, copies.arrived, bodies, ended=copies.ended)
    return rows_of(bundle, [key for key in copies.keys if not journal.has_row(seqs[key])], seqs, journal)
