"""Freed memory goes back to the system when nothing is held: allocators keep it for the next burst."""

import asyncio
import ctypes
from typing import Final

from inspan_collector.memory import Memory

IDLE_TRIM: Final = 5.0  # s without a span in custody, after which freed memory goes back to the system


async def trim_when_idle(memory: Memory) -> None:
    """Trim once in each time of idleness, until this is cancelled."""
    idle = 0.0
    while True:
        await asyncio.sleep(IDLE_TRIM / 5)
        before, idle = idle, 0.0 if memory.used else idle + IDLE_TRIM / 5
        if before < IDLE_TRIM <= idle:
            trim()


def trim() -> None:
    """Give freed memory back to the system."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it, musl does not
    if give_back is not None:
        give_back(0)
