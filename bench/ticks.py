"""How late an agent's own loop is, whatever traces it. The standard library alone: the peers' Pythons run it too."""

import asyncio
import contextlib
from array import array
from collections.abc import AsyncIterator
from typing import Final

from bench.quantile import quantile

PERIOD: Final = 0.001  # s; the finest that asyncio waits for, since its selectors round up to a millisecond


class Ticks:
    """Wakes each PERIOD, and notes by how many seconds too late.

    Ticks keep their times: those that fall due while the loop stands still are each as late as that, for a long stop
    must not be seen once.
    """

    def __init__(self) -> None:
        self.late = array("d")  # 8 bytes each and nothing for a garbage collector to walk

    def __repr__(self) -> str:
        return f"<Ticks {len(self.late)}>"

    @contextlib.asynccontextmanager
    async def noted(self) -> AsyncIterator[None]:
        """Note them while this lasts."""
        task = asyncio.create_task(self._run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def said(self) -> dict[str, float]:
        """Seconds, as `Lag` has them."""
        late = sorted(self.late)
        return {"p50": quantile(late, 0.5), "p99": quantile(late, 0.99), "most": quantile(late, 1), "ticks": len(late)}

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock() + PERIOD
        while True:
            await asyncio.sleep(due - clock())
            self.late.append(max(0.0, clock() - due))  # a loop may wake a clock's step early
            due += PERIOD
