"""What one destination asks the disk: one question at a time, and none of a disk that hangs."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from inspan_collector.ledger import SPOOLED
from inspan_collector.pipeline.destination import Destination
from inspan_collector.row import Trouble
from inspan_collector.spool.share import Share
from inspan_collector.spool.store import Store

T = TypeVar("T")

PATIENCE: Final = 1.0  # s for an answer of the disk: a page takes ms, and fresh spans may wait for it


class Spooled(Protocol):
    """The disk of all destinations, as far as a backlog asks it."""

    async def ask(self, question: Callable[[Store], T]) -> T:
        """Its answer, from the writer's thread. Raises Trouble."""
        ...


class Questions:
    """Whether the disk can be asked, and whether something is being asked.

    One question at a time is under way where copies of a span can meet: what is taken from memory is looked up on disk
    before anything else is read or taken, so that a copy never overtakes an earlier one of its span.
    """

    def __init__(self, destination: Destination, share: Share, disk: Spooled) -> None:
        self.destination = destination
        self.share = share
        self.disk = disk
        self.opened = 0  # times that it was found, or lost
        self.open = False  # whether the disk can be read, and its books are settled
        self.settled = False  # whether what a former life left is in the books
        self.asking = False
        self.waking: asyncio.Task[None] | None = None  # waits for a disk that hangs

    def spans(self) -> int:
        """Spans on disk alone."""
        return self.destination.ledger.balances[SPOOLED]

    def begin(self) -> None:
        """A question will be put: until it is answered there is no other. The caller sees to it that it is put."""
        self.asking = True
        self.share.ask()

    async def _ask(self, question: Callable[[Store], T]) -> T:
        """Raises Trouble, also where the disk hangs: then it is asked once whether it is back, and nothing else."""
        opened = self.opened
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self.disk.ask(question)
            if opened != self.opened:
                raise Trouble("io", "the answer is of a disk that was lost meanwhile")
            return answer
        except TimeoutError:
            self.open = False
            self.waking = asyncio.create_task(self._wake())
            raise Trouble("io", "the disk does not answer") from None

    async def _wake(self) -> None:
        with contextlib.suppress(Trouble):  # it is opened again then, and `found` says so
            await self.disk.ask(lambda _: None)
            self.open = self.settled
        self.destination.poke()

    def lost(self) -> None:
        """The disk cannot be read any more, for now."""
        self.opened += 1
        self.open = False
