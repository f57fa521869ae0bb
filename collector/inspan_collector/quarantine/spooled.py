"""Quarantine in the spool: it outlives the process, and holds more than memory would."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from inspan_collector.quarantine.kept import MEMORY, Again, Entry, bounded
from inspan_collector.quarantine.memory import MemoryQuarantine
from inspan_collector.row import ROW, Refused, Total, Trouble, Write

if TYPE_CHECKING:  # a sidecar without a spool has no use for SQLite
    from inspan_collector.spool.store import Store

MAX_WRITING: Final = 8 << 20  # bytes on their way to the disk, which the memory budget knows no more: two batches
PATIENCE: Final = 2.0  # s that a drop waits for a disk in trouble, which lets go of entries when it is well again
PORTION: Final = 32  # entries whose bodies are read at once; together they are below the bound of a destination

T = TypeVar("T")


class Ask(Protocol):
    """Puts a question to the store, on its own thread. Raises Trouble."""

    def __call__(self, question: "Callable[[Store], T]", /) -> Awaitable[T]: ...


class SpoolQuarantine:
    """The newest refused spans of one destination, on disk. See Quarantine.

    write: what is to be on disk, in order. again: see MemoryQuarantine. bound: bytes that the store keeps, see
    Store.open. What the disk does not take is kept in memory; that has its own bound, and is counted here.

    spans and evicted are what the store said; spans that are being written count as kept. bytes is right to one entry.
    Where a disk failed in the middle of a write, an entry may be in memory and, after a restart, on disk too.
    """

    def __init__(self, destination: str, write: Callable[[Write], None], ask: Ask, again: Again, bound: int) -> None:
        self.destination = destination
        self.write = write
        self.ask = ask
        self.again = again
        self.bound = bound
        self.memory = MemoryQuarantine(again)
        self.on_disk = Total()
        self.made_room = 0
        self.writing = Total()
        self.gone: set[int] = set()  # given again or dropped, and the disk has not let go of them yet

    def __repr__(self) -> str:
        return f"<SpoolQuarantine {self.destination} {self.spans} spans {self.bytes} bytes, {self.evicted} evicted>"

    @property
    def spans(self) -> int:
        return self.on_disk.spans + self.writing.spans + self.memory.spans

    @property
    def bytes(self) -> int:
        return self.on_disk.size + self.writing.size + self.memory.bytes

    @property
    def evicted(self) -> int:
        return self.made_room + self.memory.evicted

    # What the store says

    def begin(self, total: Total) -> None:
        """What is there when a store is opened, or opened again."""
        self.on_disk = total
        self.gone.clear()  # a file that takes the place of a damaged one counts its ids anew

    def came(self, refused: int, evicted: int, released: int = 0) -> None:
        """A group of writes is durable. In spans of this destination: see Applied."""
        self.made_room += evicted
        self.on_disk = Total(spans=self.on_disk.spans + refused - evicted - released, size=self.on_disk.size)

    # What the delivery says

    def put(self, refused: Refused, erase: Sequence[int] = ()) -> None:
        """See Quarantine."""
        kept = bounded(refused)
        if self.writing.size and self.writing.size + len(kept.body) > MAX_WRITING:
            self.memory.put(kept)
            if erase:
                self.write(Write(erase=erase))
            return
        self._weigh(kept, 1)
        self.write(Write(refuse=[kept], erase=erase, done=partial(self._written, kept)))

    def _weigh(self, kept: Refused, sign: int) -> None:
        spans, size = self.writing.spans + sign * kept.spans, self.writing.size + sign * (len(kept.body) + ROW)
        self.writing = Total(spans=spans, size=size)

    def _written(self, kept: Refused, trouble: Trouble | None) -> None:
        self._weigh(kept, -1)
        if trouble is not None:
            self.memory.put(kept)
        else:
            self._grow(len(kept.body) + ROW)

    def _grow(self, size: int) -> None:
        """What made room is known in spans alone; but where anything did, the bound is reached."""
        self.on_disk = Total(spans=self.on_disk.spans, size=max(0, min(self.bound, self.on_disk.size + size)))

    # What the commands ask

    async def entries(self, after: int, limit: int) -> list[Entry]:
        """See Quarantine."""
        found: list[Entry] = []
        while after < MEMORY and len(found) < limit:
            limited = min(PORTION, limit - len(found))
            portion = await self.ask(partial(_page, destination=self.destination, after=after, limit=limited))
            found += [entry for entry in portion if entry.id not in self.gone]
            after = portion[-1].id if portion else MEMORY
        return [*found[:limit], *await self.memory.entries(after, max(0, limit - len(found)))]

    async def one(self, number: int) -> Refused | None:
        """See Quarantine."""
        if number > MEMORY:
            return await self.memory.one(number)
        found = await self._read([number])
        return found[0] if found else None

    async def _read(self, numbers: Sequence[int]) -> list[Refused]:
        """Those that are here, with their bodies."""
        found = await self.ask(partial(_bodies, numbers=numbers))
        return [each for each in found if each.destination == self.destination and each.id not in self.gone]

    async def drop(self, numbers: Sequence[int]) -> list[int]:
        """See Quarantine. Raises Trouble where the disk does not let go of them; what it only puts off is gone."""
        dropped = await self.memory.drop(numbers)
        told = []
        for portion in _portions(numbers):
            here = await self._read(portion)
            told.append(self._release(here, back=True))
            dropped += [each.id for each in here]
        if told:
            done, _ = await asyncio.wait(told, timeout=PATIENCE)
            for trouble in filter(None, [each.result() for each in done]):
                raise trouble
        return dropped

    async def replay(self, numbers: Sequence[int]) -> list[int]:
        """See Quarantine. The disk lets go of them when it can: they are not given twice in the life of the process."""
        taken = await self.memory.replay(numbers)
        for portion in _portions(numbers):
            here = await self._read(portion)
            took = set(self.again(here))
            self._release([each for each in here if each.id in took], back=False)
            taken += took
        return taken

    def _release(self, leaving: Sequence[Refused], *, back: bool) -> "asyncio.Future[Trouble | None]":
        """Begin to let go of these; done when the disk has, or with why it never will. back: they are here then."""
        told: asyncio.Future[Trouble | None] = asyncio.get_running_loop().create_future()
        numbers = [each.id for each in leaving]
        freed = sum(len(each.body) + ROW for each in leaving)
        self.gone.update(numbers)

        def done(trouble: Trouble | None) -> None:
            if trouble is None:
                self._grow(-freed)
            if trouble is None or back:
                self.gone.difference_update(numbers)
            told.set_result(trouble)

        self.write(Write(release=numbers, done=done))
        return told


def _portions(numbers: Sequence[int]) -> list[list[int]]:
    disk = [number for number in dict.fromkeys(numbers) if number <= MEMORY]
    return [disk[start : start + PORTION] for start in range(0, len(disk), PORTION)]


def _page(store: "Store", *, destination: str, after: int, limit: int) -> list[Entry]:
    return [Entry.of(refused) for refused in store.refused(destination, after, limit)]


def _bodies(store: "Store", *, numbers: Sequence[int]) -> list[Refused]:
    return [refused for number in numbers if (refused := store.refused_one(number)) is not None]
