"""The spool as the loop sees it: what is to be written is gathered for a turn, and what the disk says is told on."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeVar

from inspan_collector.config.model import SpoolConfig
from inspan_collector.events import Events
from inspan_collector.row import Total, Trouble, TroubleKind, Write
from inspan_collector.spool.disk import Opened
from inspan_collector.spool.scribe import Scribe
from inspan_collector.spool.share import Share
from inspan_collector.spool.store import COUNTER_BITS, DARK, Applied, Store

T = TypeVar("T")

DARK_BITS: Final = 30  # of chunks a second while the disk does not say: more than any, and seconds fit until 2106

GUARANTEED: Final = 0.5  # of the spool, in equal parts to all destinations

AGAIN: Final = 1.0  # s until a file that could be opened, and not be read, is read again


class Reader(Protocol):
    """Who books what is found on disk of one destination."""

    def asked(self) -> Sequence[int]:
        """Rows that it wants to know about."""
        ...

    def found(self, total: Total, present: Mapping[int, int], *, salvaged: bool, damaged: int = 0) -> None:
        """The disk can be read, now or again. damaged: spans that were quarantined on the way."""
        ...

    def lost(self) -> None:
        """It cannot be read any more."""
        ...


class Spool:
    """One file, one writer, a share for each destination. To be made on the running loop."""

    def __init__(self, config: SpoolConfig, events: Events) -> None:
        self.config = config
        self.events = events
        self.loop = asyncio.get_running_loop()
        self.shares: dict[str, Share] = {}
        self.readers: dict[str, Reader] = {}
        self.scribe = Scribe(
            Path(config.path),
            call=self.loop.call_soon_threadsafe,
            opened=self._opened,
            troubled=self._troubled,
            committed=self._committed,
        )
        self.size = 0
        self.sizes: Counter[str] = Counter()  # of each destination, what is on its way included
        self.pending = 0  # bytes on their way
        self.next = self.dark = _dark(events.wall())
        self.outbox: list[Write] = []
        self.started = False
        self.troubled = False  # since it was last said to work
        self.open = False  # its rows can be read, and the books know them
        self.strangers: dict[str, Total] = {}  # destinations that are not configured any more
        self.remembered: Callable[[Sequence[tuple[bytes, bytes]]], None] = lambda _: None
        self.evicted: Callable[[Applied], None] = lambda _: None
        self.quarantined: Callable[[Mapping[str, Total]], None] = lambda _: None  # told what is in quarantine
        self.about_to_open: Callable[[], None] = lambda: None  # told before what is found is booked
        self.first = asyncio.Event()  # the disk has said something, good or bad

    def __repr__(self) -> str:
        return f"<Spool {self.config.path} {self.size} of {self.config.max_bytes} bytes, {self.why_not() or 'ready'}>"

    def start(self) -> None:
        """Begin to open the file. `opened` and `troubled` come on the loop."""
        self.started = True
        self.scribe.start()

    async def stop(self, timeout: float) -> bool:
        """Write what is gathered, and close. False where the disk did not get it done within `timeout` seconds."""
        self._flush()
        return await asyncio.to_thread(self.scribe.stop, timeout)

    def why_not(self) -> str | None:
        """Why nothing can be promised to be on disk now; None where it can."""
        if self.scribe.trouble is not None:
            return str(self.scribe.trouble)
        if not self.open:
            return "the spool is being opened"
        if self.size + self.pending >= self.config.max_bytes:
            return f"the spool is full ({self.config.max_bytes.shown}); raise spool.max_bytes, or look at the upstream"
        return None

    def wrong(self) -> TroubleKind | None:
        """What is wrong with the disk now; None where nothing is."""
        trouble = self.scribe.trouble  # read once: its thread sets it
        return None if trouble is None else trouble.kind

    # Disk, as shares see it

    def number(self, count: int) -> int:
        """See Disk."""
        first = self.next
        self.next += count
        return first

    def has_room(self, destination: str, size: int) -> bool:
        """See Disk. There is none on a disk in trouble: what is tried and fails would be tried again at once."""
        if self.scribe.trouble is not None:
            return False
        # Half of it is first come, first served; of the other half each has its part, whoever is down.
        part = self.config.max_bytes * GUARANTEED / max(1, len(self.shares))
        kept = sum([max(0.0, part - self.sizes[name]) for name in self.shares if name != destination])
        if self.size + self.pending + size + kept <= self.config.max_bytes:
            return True
        message = f"the spool is full ({self.config.max_bytes.shown}): what comes now is in memory alone"
        self.events.note("spool_limit", destination, message)
        return False

    def write(self, write: Write) -> None:
        """See Disk. Not before this turn of the loop has ended: the books are published first."""
        if not self.outbox:
            self.loop.call_soon(self._flush)
        size = sum([row.size for row in write.put])
        if size:
            self.pending += size
            self.sizes[write.put[0].destination] += size
            write.done = partial(self._landed, write.put[0].destination, size, write.done)
        self.outbox.append(write)

    def _landed(self, name: str, size: int, done: Callable[[Trouble | None], None], trouble: Trouble | None) -> None:
        self.pending -= size
        self.sizes[name] -= size  # what of it is there, the store has said
        done(trouble)

    def _flush(self) -> None:
        writes, self.outbox = self.outbox, []
        if writes:
            self.scribe.write(writes)

    async def ask(self, question: Callable[[Store], T]) -> T:
        """Its answer, which knows every write before it. Raises Trouble."""
        self._flush()
        answer: asyncio.Future[T] = self.loop.create_future()
        self.scribe.ask(question, partial(_tell, answer))
        return await answer

    # What the disk says

    def _committed(self, applied: Applied) -> None:
        self.size = applied.size
        self.sizes.update(applied.grown)
        for name, spans in applied.added.items():
            if name in self.shares:
                self.shares[name].disk_spans += spans
        for name, spans in applied.removed.items():
            if name in self.shares:
                self.shares[name].disk_spans -= spans
        self.evicted(applied)

    def _troubled(self, trouble: Trouble) -> None:
        self.first.set()
        self.troubled = True
        self.events.record(f"spool_{trouble.kind}", "", f"{trouble}")
        if self.open and trouble.kind != "full":
            self.open = False
            for reader in self.readers.values():
                reader.lost()

    def _opened(self, opened: Opened) -> None:
        self.about_to_open()
        self.remembered(opened.posts)
        for share in self.shares.values():
            share.retry()
        self._flush()  # what failed and is there all the same is put right before anybody counts
        rows = [row for reader in self.readers.values() for row in reader.asked()]
        attached = [row for share in self.shares.values() for row in share.watched()]
        question = partial(_look, rows, attached)
        self.scribe.ask(question, partial(self._looked, opened, attached))

    def _looked(self, opened: Opened, looked_for: Sequence[int], found: "Found | Trouble") -> None:
        if isinstance(found, Trouble):
            if self.scribe.trouble is None:  # else it will be opened again
                self.loop.call_later(AGAIN, self._opened, opened)
            return
        totals, asked, attached = found.totals, found.asked, found.attached
        if self.next == self.dark:
            self.next = max(opened.epoch << COUNTER_BITS, found.highest + 1)
        self.open = True
        self.size = found.size
        self.sizes = Counter({name: total.size for name, total in totals.items()})
        self.strangers = {name: total for name, total in totals.items() if name not in self.shares}
        for name, total in self.strangers.items():
            message = f"spans of {name}, which is no destination here, are kept on disk; see inspan spool replay"
            self.events.record("spool_stranger", name, message, spans=total.spans)
        for name, share in self.shares.items():
            share.missing(looked_for, attached)
            present = {seq: spans for seq, (owner, spans) in asked.items() if owner == name}
            damaged = 0 if opened.salvaged is None else opened.salvaged.damaged[name]
            total = totals.get(name, Total())
            self.readers[name].found(total, present, salvaged=opened.how == "fresh", damaged=damaged)
        self.quarantined(found.refused)
        self.first.set()
        if self.troubled:
            self.troubled = False
            self.events.record("spool_healed", "", "the spool works again")


class Found(NamedTuple):
    """What is on disk: totals by destination, and of rows that were asked for, their destination and spans."""

    totals: dict[str, Total]
    asked: dict[int, tuple[str, int]]
    attached: dict[int, tuple[str, int]]
    refused: dict[str, Total]
    size: int
    highest: int


def _look(rows: Sequence[int], attached: Sequence[int], store: Store) -> Found:
    return Found(
        store.totals(),
        store.present(rows),
        store.present(attached),
        store.refused_totals(),
        store.size,
        store.highest(),
    )


def _dark(wall: float) -> int:
    """The first seq of a life while the disk has not said which are used: above all that it ever says, and above those
    that another life took in the dark, whose rows may be there."""
    return DARK + (int(wall) << DARK_BITS)


def _tell(future: "asyncio.Future[T]", answer: T | Trouble) -> None:
    if future.done():
        return
    if isinstance(answer, Trouble):
        future.set_exception(answer)
    else:
        future.set_result(answer)
