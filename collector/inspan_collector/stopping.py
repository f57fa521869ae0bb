"""How a service is asked to stop, and how it waits while it may be asked."""

import asyncio
from collections.abc import Awaitable


class Stop:
    """Asks a service to stop: `drain` once, `now` where even the drain should end."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.now = asyncio.Event()

    def request(self) -> None:
        """The first call drains, the second ends the drain."""
        (self.now if self.drain.is_set() else self.drain).set()


async def first(*waits: Awaitable[object], timeout: float) -> None:
    """Return when one of them is done, or after `timeout` seconds."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, timeout=max(0.0, timeout), return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
