"""One who looks: a few frames on their way, and then it is too slow for us."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from inspan_collector.errors import InspanError

BEHIND: Final = 5  # frames, so seconds; after that a viewer has hung, or its network has


class Crowded(InspanError):
    """As many look as we serve at once. The message says what to do."""


class Viewer:
    """Frames for one viewer, who waits for them one at a time. cut: breaks its connection, now."""

    def __init__(self, cut: Callable[[], None]) -> None:
        self.cut = cut
        self.frames: deque[bytes] = deque()
        self.ended = False
        self.waiting: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<Viewer {len(self.frames)} frames behind{', ended' if self.ended else ''}>"

    def offer(self, frame: bytes) -> None:
        """Give it a frame; cut it off where it has left too many untaken."""
        if len(self.frames) >= BEHIND:
            self.frames.clear()
            self.ended = True
            self.cut()
        elif not self.ended:
            self.frames.append(frame)
        self._wake()

    def end(self, frame: bytes) -> None:
        """Give it a last frame. One that is behind is cut off instead: nobody waits for it."""
        if self.frames:
            self.frames.clear()
            self.cut()
        else:
            self.frames.append(frame)
        self.ended = True
        self._wake()

    async def next(self) -> bytes | None:
        """The next frame; None after the last one."""
        while not self.frames:
            if self.ended:
                return None
            self.waiting = asyncio.get_running_loop().create_future()
            await self.waiting
        return self.frames.popleft()

    def _wake(self) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)
