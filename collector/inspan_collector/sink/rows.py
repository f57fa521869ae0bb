"""The rows that upserts leave behind."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET
from msgspec.json import Decoder

from inspan_collector.sink.sgp import Change, Posted, Refused, before, day

Identity = tuple[str, str, int]
"""trace_id, id, UTC day of the start: a re-post on another day makes a second row, as upstream."""

Kin = tuple[str, str]


_members = Decoder(dict[str, msgspec.Raw])


class Row:
    """What is kept of a span: enough to decide the next upsert. text: all that was written, where that is kept."""

    __slots__ = ("ended", "parent_id", "start", "text")

    def __init__(self, start: datetime, parent_id: str | None, *, ended: bool, text: bytes | None) -> None:
        self.ended = ended
        self.parent_id = parent_id
        self.start = start
        self.text = text

    def changed(self, change: Change, body: bytes) -> "Row":
        """The row as a change leaves it; body: the change. Errors: Refused 422 where it ends before it starts."""
        end = change.end_timestamp
        if end is not UNSET and before(end, self.start):
            raise Refused(422, "end_timestamp: before start_timestamp")
        text = None if self.text is None else msgspec.json.encode(_members.decode(self.text) | _members.decode(body))
        return Row(self.start, self.parent_id, ended=self.ended or end is not UNSET, text=text)


class Rows:
    """Upserts by identity. A completed copy beats an open one, else the later wins.

    `merge` and `check` read; only `write` changes something, so a refused batch leaves no trace.
    """

    __slots__ = ("_last", "_parents", "_traces", "by_identity", "running")

    def __init__(self) -> None:
        self.by_identity: dict[Identity, Row] = {}
        self.running = 0  # rows without an end
        self._last: dict[str, Identity] = {}  # by id: the row of it that was written last
        self._parents: dict[Kin, str | None] = {}
        self._traces: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self.by_identity)

    def __repr__(self) -> str:
        return f"<Rows {len(self)} rows, {self.running} running, {len(self._parents)} spans>"

    def __iter__(self) -> Iterator[bytes]:
        """What was written of each span, where that is kept."""
        return (row.text for row in self.by_identity.values() if row.text is not None)

    def one(self, span_id: str) -> bytes:
        """What was written of the row of this id last, or what is kept of it. Errors: Refused 404."""
        identity = self._last.get(span_id)
        if identity is None:
            raise Refused(404, f"span {span_id!r} is not there")
        row = self.by_identity[identity]
        kept = {"id": span_id, "trace_id": identity[0], "end_timestamp": row.start if row.ended else None}
        return row.text or msgspec.json.encode(kept)

    def change(self, span_id: str, change: Change, body: bytes) -> dict[Identity, Row]:
        """The row that this change would write; body: the change. Errors: Refused 404 for an unknown id, 422.

        Of several rows with one id the one that was written last is changed: what upstream does then is not published.
        """
        identity = self._last.get(span_id)
        if identity is None:
            raise Refused(404, f"span {span_id!r} is not there")
        return {identity: self.by_identity[identity].changed(change, body)}

    def merge(self, copies: Iterable[Posted], texts: Sequence[bytes] | None = None) -> dict[Identity, Row]:
        """The rows that this batch would write. texts: of the copies, where they are to be kept.

        Errors: Refused 409 where a parent is in another trace, or the parents run in a circle.
        """
        winners: dict[Identity, Row] = {}
        for number, copy in enumerate(copies):
            identity = (copy.trace_id, str(copy.id), day(copy))
            there = winners.get(identity) or self.by_identity.get(identity)
            ended, text = copy.end_timestamp is not None, None if texts is None else texts[number]
            row = Row(copy.start_timestamp, copy.parent_id, ended=ended, text=text)
            if there is None or row.ended or not there.ended:
                winners[identity] = row
        self._check({(trace, span): row.parent_id for (trace, span, _), row in winners.items()})
        return winners

    def write(self, winners: dict[Identity, Row]) -> None:
        """Make a merged batch true."""
        for identity, row in winners.items():
            there = self.by_identity.get(identity)
            self.running += (not row.ended) - (there is not None and not there.ended)
            self._last[identity[1]] = identity
        self.by_identity.update(winners)
        for (trace, span, _), row in winners.items():
            self._parents[trace, span] = row.parent_id
            self._traces.setdefault(span, set()).add(trace)

    def _check(self, fresh: dict[Kin, str | None]) -> None:
        traces: dict[str, set[str]] = {}
        for trace, span in fresh:
            traces.setdefault(span, set()).add(trace)
        for (trace, span), parent in fresh.items():
            homes = traces.get(parent, set()) | self._traces.get(parent, set()) if parent is not None else set()
            if homes and trace not in homes:  # no home at all is fine: children end before their parents
                raise Refused(409, f"span {span!r}: its parent {parent!r} is in another trace")
        self._check_circles(fresh)

    def _check_circles(self, fresh: dict[Kin, str | None]) -> None:
        safe: set[Kin] = set()
        for start in fresh:
            trail: set[Kin] = set()
            at = start
            while at not in safe:
                if at in trail:
                    raise Refused(409, f"span {start[1]!r}: its parents run in a circle")
                trail.add(at)
                parent = fresh[at] if at in fresh else self._parents.get(at)
                if parent is None:
                    break
                at = (at[0], parent)
            safe |= trail
