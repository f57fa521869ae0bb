"""What one post of copies leaves on disk: rows of those that stay, none of those that lost to another."""

from collections.abc import Hashable, Iterable, Mapping
from itertools import count

from inspan_collector.formats import span_json
from inspan_collector.pledge import Pledge
from inspan_collector.queue.bundle import Bundle, Copies
from inspan_collector.queue.journal import Journal
from inspan_collector.row import Row


class Posting:
    """Made before the copies of a post meet those that wait, and told when they have met.

    Of two copies of a span one stays. Where the one that stays is written, the row of the other goes in the same
    moment; where it is not, that row stands for it until it has its fate. So what was promised to be on disk is never
    off it, and of one span that waits no more than one row counts.

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
        self.keys = [*ended, *opened]
        self.first = journal.number(len(self.keys))
        # An open copy says less than an ended one that waits.
        self.lost_to = {key: waiting[key] for key in waiting.keys() & opened.keys() if self._at(key).ended}

    def _at(self, key: Hashable) -> Bundle:
        bundle = self.by_key[key]
        assert bundle is not None  # noqa: S101 -- what has a seq here waits
        return bundle

    def write(self, pledge: Pledge | None) -> None:
        """The copies have met, and wait where they wait."""
        waiting, journal, lost_to = self.waiting, self.journal, self.lost_to
        eager = journal.eager(pledge)
        # Where nothing is on disk and nothing goes there, which is nearly always, who met whom is nobody's concern.
        met = waiting.keys() & self.keys if eager or journal.holds_any() else set()
        replaced = {key: waiting[key] for key in met if key not in lost_to}
        waiting.update(zip(self.keys, count(self.first)))
        waiting.update(lost_to)
        replaces = {waiting[key]: seq for key, seq in replaced.items()}
        # Were a copy sent that is not written, and we killed, the row that it replaces would be sent after it.
        rows = self._rows() if eager else self._rows_in_place_of(replaced)
        if rows and journal.put(rows, replaces, pledge):
            return
        if replaces:
            journal.inherit(replaces)

    def _rows_in_place_of(self, replaced: Mapping[Hashable, int]) -> list[Row]:
        """Of the copies that replace one with a row."""
        journal = self.journal
        keys = [key for key, seq in replaced.items() if journal.stood(seq)]
        return [row for key in keys for row in rows_of(self._at(key), [key], self.waiting, journal)]

    def _rows(self) -> list[Row]:
        """Of the copies that stay, and of those that others lost to, where these have none."""
        journal = self.journal
        keys = [key for key in self.keys if key not in self.lost_to]
        keys += [key for key, seq in self.lost_to.items() if not journal.has_row(seq)]
        return [row for key in keys for row in rows_of(self._at(key), [key], self.waiting, journal)]


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
