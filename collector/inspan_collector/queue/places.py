"""Where copies wait: held for their end, ready, or behind what is in flight of their span."""

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Final, cast

from inspan_collector.batch import Limits
from inspan_collector.chunk import Chunk
from inspan_collector.memory import Memory
from inspan_collector.queue.bundle import BEHIND, HELD, KEY, READY, Bundle, Copies, OwnBytes, weight
from inspan_collector.queue.journal import Journal
from inspan_collector.queue.noting import Noting
from inspan_collector.queue.openings import Openings
from inspan_collector.queue.prints import Prints
from inspan_collector.row import Row

SWEEP: Final = 1000  # bundles; some 100 KiB where all are empty


class Places:
    """Three places, and an index by key.

    hold_open: seconds. memory: charged for the copies, their keys and their bytes. journal: the disk behind them.
    prints: of what the upstream has, where they are remembered; never of a key that is here.
    """

    def __init__(
        self,
        limits: Limits,
        hold_open: float,
        memory: Memory,
        journal: Journal | None = None,
        prints: Prints | None = None,
    ) -> None:
        self.journal = journal
        self.prints = prints
        self.seqs: dict[Hashable, int] = {}  # of the copies that wait, where there is a journal
        self.limits = limits
        self.hold_open = hold_open
        self.keeper = OwnBytes(memory, prints)
        self.spooled: Callable[[], bool] = lambda: False  # whether earlier copies may be on disk alone
        self.openings = Openings()
        self.ends: set[Hashable] = set()  # of spans that nobody else ends, in flight
        self.trail: Noting | None = None
        self.by_key: dict[Hashable, Bundle | None] = {}  # where its copy waits; None: one is in flight, and none waits
        self.behind: dict[Hashable, Bundle] = {}
        # By `since`. In both a bundle that became empty stays for a while: to find it at once would cost more.
        self.holding: deque[Bundle] = deque()
        self.sweep_at = SWEEP
        self.ready: deque[Bundle] = deque()
        self.ready_spans = 0
        self.ready_size = 0
        self.spans = 0
        self.size = 0
        self.merged_bytes = 0  # that will never be sent
        self.merged_bundles = 0  # of which nothing is left to be sent

    def held(self) -> int:
        """Open copies that wait for their end."""
        return sum(len(bundle.copies) for bundle in self.holding)

    def count(self) -> int:
        return sum(len(bundle.copies) for bundle in self._all())

    def _all(self) -> Iterator[Bundle]:
        return chain(self.holding, self.ready, self.behind.values())

    def _follow(self, bundle: Bundle, key: Hashable, grown: dict[Hashable, int]) -> None:
        """What is in flight of this key goes first."""
        bundle.place = BEHIND
        self.behind[key] = self.by_key[key] = bundle
        grown[bundle.agent] += weight(bundle)

    def _enter(self, bundle: Bundle, now: float) -> None:
        """Nothing of these keys is in flight: ready where they have ended, else held for what is left of their time."""
        self.by_key.update(dict.fromkeys(bundle.copies, bundle))
        if bundle.ended or bundle.arrived + self.hold_open <= now:
            self._make_ready(bundle, now)
        else:
            bundle.place = HELD
            self.holding.append(bundle)

    def _make_ready(self, bundle: Bundle, since: float) -> None:
        bundle.place, bundle.since = READY, since
        self.ready.append(bundle)
        self.ready_spans += len(bundle.copies)
        self.ready_size += bundle.size

    def _tidy(self) -> None:
        """The first of each is never empty, and of those that are held no more than half are, but for a few."""
        for bundles in (self.holding, self.ready):
            while bundles and not bundles[0].copies:
                bundles.popleft()
        if len(self.holding) > self.sweep_at:
            self.holding = deque(bundle for bundle in self.holding if bundle.copies)
            self.sweep_at = max(SWEEP, 2 * len(self.holding))

    def _fronts(self) -> Iterator[Bundle]:
        """The first of each place."""
        for bundles in (self.holding, self.behind.values(), self.ready):
            yield from islice(bundles, 1)

    def _full(self) -> bool:
        return self.ready_spans >= self.limits.max_spans or self.ready_size >= self.limits.max_bytes

    def chunk(self, bundle: Bundle) -> Copies:
        """These copies as a chunk: they do not wait any more."""
        seqs = list(map(self.seqs.pop, bundle.copies)) if self.journal is not None else ()
        return bundle.chunk(self.keeper, seqs)

    def _leave(self, bundle: Bundle) -> None:
        """These wait no more."""
        self.spans -= len(bundle.copies)
        self.size -= bundle.size
        if bundle.place == READY:
            self.ready_spans -= len(bundle.copies)
            self.ready_size -= bundle.size

    def _let_go(self, since: float) -> None:
        """The first that are held are ready, since this time."""
        self._make_ready(self.holding.popleft(), since)
        self._tidy()

    def forget(self, keys: Sequence[Hashable]) -> list[Chunk]:
        """Take out the copies of these keys, which wait."""
        parts: list[Bundle] = []
        for key in keys:
            bundle = cast(Bundle, self.by_key[key])
            part = bundle.part([key])
            part.place = bundle.place
            parts.append(part)
        return self._forget(parts)

    def follow(self, key: Hashable, row: Row, agent: Hashable, arrived: float) -> int:
        """A row waits behind what is in flight of its key. Returns bytes of memory that it takes."""
        bundle = Bundle(agent, arrived, {key: row.body}, ended=row.ended)
        grown = {agent: 0}
        self._follow(bundle, key, grown)
        self.seqs[key] = row.seq
        self.spans += 1
        self.size += bundle.size
        self.keeper.memory.charge(grown[agent])
        return grown[agent]

    def in_flight(self, rows: Mapping[Hashable, Row], agent: Hashable, arrived: Callable[[float], float]) -> Chunk:
        """Rows go out: copies of keys of which nothing is here. All are open, or all have ended."""
        # As old as the youngest: what is too old was left out, and what is not should not go with it.
        last = max(rows.values(), key=lambda row: row.arrived)
        copies = {key: row.body for key, row in rows.items()}
        seqs = [row.seq for row in rows.values()]
        chunk = self.keeper.chunk(agent, arrived(last.arrived), copies, seqs, ended=last.ended)
        self.keeper.memory.charge(chunk.size + KEY * chunk.spans)
        self.by_key.update(dict.fromkeys(copies))
        if self.prints is not None:
            self.prints.forget(copies)  # it was let go to disk before another copy of its span was delivered
        return chunk

    def _forget(self, bundles: list[Bundle]) -> list[Chunk]:
        """Take these out: they are left empty."""
        chunks: list[Chunk] = []
        for bundle in bundles:
            chunks.append(self.chunk(bundle))
            for key in bundle.copies:
                if bundle.place == BEHIND:
                    del self.behind[key]
                    self.by_key[key] = None
                else:
                    del self.by_key[key]
            self._leave(bundle)
            bundle.copies = {}
        self._tidy()
        return chunks
