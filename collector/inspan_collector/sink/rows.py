"""The rows that upserts leave behind."""

from collections.abc import Iterable

from inspan_collector.sink.sgp import Posted, Refused, day

Identity = tuple[str, str, int]
"""trace_id, id, UTC day of the start: a re-post on another day makes a second row, as upstream."""

Kin = tuple[str, str]


class Row:
    """What is kept of a span: enough to decide the next upsert."""

    __slots__ = ("ended", "parent_id")

    def __init__(self, copy: Posted) -> None:
        self.ended = copy.end_timestamp is not None
        self.parent_id = copy.parent_id


class Rows:
    """Upserts by identity. A completed copy beats an open one, else the later wins.

    `merge` and `check` read; only `write` changes something, so a refused batch leaves no trace.
    """

    __slots__ = ("_parents", "_traces", "by_identity", "running")

    def __init__(self) -> None:
        self.by_identity: dict[Identity, Row] = {}
        self.running = 0  # rows without an end
        self._parents: dict[Kin, str | None] = {}
        self._traces: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self.by_identity)

    def __repr__(self) -> str:
        return f"<Rows {len(self)} rows, {self.running} running, {len(self._parents)} spans>"

    def merge(self, copies: Iterable[Posted]) -> dict[Identity, Row]:
        """The rows that this batch would write.

        Errors: Refused 409 where a parent is in another trace, or the parents run in a circle.
        """
        winners: dict[Identity, Row] = {}
        for copy in copies:
            identity = (copy.trace_id, str(copy.id), day(copy))
            before = winners.get(identity) or self.by_identity.get(identity)
            row = Row(copy)
            if before is None or row.ended or not before.ended:
                winners[identity] = row
        self._check({(trace, span): row.parent_id for (trace, span, _), row in winners.items()})
        return winners

    def write(self, winners: dict[Identity, Row]) -> None:
        """Make a merged batch true."""
        for identity, row in winners.items():
            before = self.by_identity.get(identity)
            self.running += (not row.ended) - (before is not None and not before.ended)
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
