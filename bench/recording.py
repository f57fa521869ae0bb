"""An agent that records spans one way, and times each. Run as `python -m bench.recording WAY TARGET`.

Told to by lines of JSON on stdin, each a `Stretch` and answered by a line of JSON (`Recorded`). CPU is that of the
whole process, from the first span until all are handed over: what a thread of the library does for them is in it.
"""

import gc
import math
import os
import sys
import time
from array import array
from collections.abc import Callable
from typing import Any, Final

import msgspec

from bench.quantile import quantile
from bench.ways import WAYS, Way

BURST: Final = 10  # spans at once, where there is a rate: an agent's step ends some and starts some, and then it waits


class Stretch(msgspec.Struct, frozen=True):
    """seconds: of load. rate: spans per second, None for as many as there is time for. records: or else only the loop
    runs, with all that it prepares."""

    seconds: float
    rate: float | None = None
    records: bool = True


class Recorded(msgspec.Struct, frozen=True):
    """What one stretch did. cpu: seconds. wall: seconds of the loop alone. p50, p99, most: seconds of one call.
    dropped: by the library's own count."""

    calls: int
    cpu: float
    wall: float
    p50: float
    p99: float
    most: float
    taken: int
    dropped: int

    @property
    def lost(self) -> int:
        """Spans that nobody took."""
        return self.calls - self.taken


def loop(
    prepare: Callable[[int], Any], record: Callable[[Any], object], seconds: float, rate: float | None
) -> "array[int]":  # 3.11 cannot subscript it
    """Nanoseconds of each call."""
    clock, times, pace = time.perf_counter_ns, array("q"), rate or math.inf
    began = time.perf_counter()
    while (now := time.perf_counter()) < began + seconds:
        time.sleep(max(0.0, began + len(times) / pace - now)) if rate else None
        for number in range(len(times), len(times) + BURST):
            prepared = prepare(number)
            before = clock()
            record(prepared)
            times.append(clock() - before)
    return times


def measure(way: Way, stretch: Stretch) -> Recorded:
    """One stretch."""
    gc.collect()  # each begins with the same; while it lasts, collecting is the agent's own
    before, cpu, began = way.counts(), time.process_time(), time.perf_counter()
    times = loop(way.prepare, way.record if stretch.records else _nothing, stretch.seconds, stretch.rate)
    wall = time.perf_counter() - began
    way.flush()
    cpu, after = time.process_time() - cpu, way.counts()
    ordered = sorted(times)
    return Recorded(
        calls=len(times),
        cpu=cpu,
        wall=wall,
        p50=quantile(ordered, 0.5) / 1e9,
        p99=quantile(ordered, 0.99) / 1e9,
        most=quantile(ordered, 1) / 1e9,
        taken=after.taken - before.taken,
        dropped=after.dropped - before.dropped,
    )


def _nothing(_: object) -> None: ...


def main() -> None:
    """Serve stdin."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # answers alone go to stdout: what a library prints goes to the log
    way = WAYS[sys.argv[1]](sys.argv[2])
    for line in sys.stdin:
        recorded = measure(way, msgspec.json.decode(line, type=Stretch))
        print(msgspec.json.encode(recorded).decode(), file=answers, flush=True)


if __name__ == "__main__":
    main()
