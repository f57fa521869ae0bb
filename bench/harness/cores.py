"""Who had the cores meanwhile: the hypervisor, and programs that are none of ours; proc(5), /proc/stat."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.process import TICK

STAT = Path("/proc/stat")
WAITING = ("idle", "iowait")
FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")  # guest time is within user


class Times(msgspec.Struct, frozen=True):
    """Seconds since the machine started, of some cores together. All but what was stolen or idle is busy."""

    busy: float
    steal: float
    total: float


class Shares(NamedTuple):
    """Of the cores' time."""

    steal: float
    others: float


def times(stat: str, cores: Sequence[int]) -> Times:
    """Out of the text of /proc/stat."""
    busy = steal = total = 0.0
    for line in stat.splitlines():
        name, *counts = line.split()
        if name in {f"cpu{core}" for core in cores}:
            ticks = dict(zip(FIELDS, map(int, counts), strict=False))
            total += sum(ticks.values()) * TICK
            steal += ticks["steal"] * TICK
            busy += sum(count for field, count in ticks.items() if field not in (*WAITING, "steal")) * TICK
    return Times(busy, steal, total)


def now(cores: Sequence[int]) -> Times:
    """Of this machine."""
    return times(STAT.read_text(), cores)


def shares(before: Times, after: Times, ours: float) -> Shares:
    """ours: CPU-seconds that our own processes took in between."""
    total = after.total - before.total
    if total <= 0:
        return Shares(0, 0)
    return Shares((after.steal - before.steal) / total, max(0.0, after.busy - before.busy - ours) / total)
