"""Working memory of one destination: joined and compressed bodies, first come, first served."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inspan_collector.memory import Memory


class Grant:
    """Working bytes that one attempt holds."""

    __slots__ = ("room", "size")

    def __init__(self, room: "Room", size: int) -> None:
        self.room = room
        self.size = size

    def shrink(self, size: int) -> None:
        """Keep only `size` bytes: the body is compressed now, and the larger one is gone."""
        if size < self.size:
            self.room.give(self.size - size)
            self.size = size


class Room:
    """At most `limit` working bytes at once; an attempt that needs more than all of it gets all of it.

    Each destination has its own: one that hangs with its bodies in hand takes nothing from the others.
    """

    def __init__(self, memory: Memory, limit: int) -> None:
        self.memory = memory
        self.limit = limit
        self.used = 0
        self.waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def __repr__(self) -> str:
        return f"<Room {self.used} of {self.limit} bytes, {len(self.waiting)} waiting>"

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[Grant]:
        """Hold `size` bytes while the body exists."""
        size = min(size, self.limit)
        await self._take(size)
        grant = Grant(self, size)
        try:
            yield grant
        finally:
            self.give(grant.size)

    async def _take(self, size: int) -> None:
        if not self.waiting and self.used + size <= self.limit:
            self._grow(size)
            return
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(size)  # the turn came in the same moment as the cancellation
            raise

    def give(self, size: int) -> None:
        """Bytes come back; those who wait in front go on while there is room."""
        self._grow(-size)
        while self.waiting:
            wanted, turn = self.waiting[0]
            if not turn.done():
                if self.used + wanted > self.limit:
                    return
                self._grow(wanted)
                turn.set_result(None)
            self.waiting.popleft()

    def _grow(self, size: int) -> None:
        self.used += size
        self.memory.working += size
