"""What it costs to remember what was sent: fingerprints, the trail, open spans; a copy, on and off, and memory a key.

`python -m bench memory`. In one process and without sockets, as `bench.waiting`: the same posts go through the queue,
the batch, the join and the settling with each of them in turn, in an order that changes. Each figure is of one run
beside the run without anything that came before it.
"""

import argparse
import gc
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Final

from bench import machine
from bench.goals import Goal
from bench.progress import Progress
from bench.table import median, spread, table
from bench.waiting import RATE, SEED, Post, Run, posts
from inspan_collector.cli.run import tune_process
from inspan_collector.config.destination import DedupeConfig, TrailConfig
from inspan_collector.formats import span_json
from inspan_collector.liveness import Registered, Registration, Registry
from inspan_collector.queue.prints import Prints
from inspan_collector.trail import Trail

RUNS: Final = 7
SECONDS: Final = 6.0  # of RATE: 60,000 copies
KEYS: Final = (5_500, 50_000, 200_000)  # remembered; the first just after a dict has grown
EACH: Final = 0.5e-6  # s a copy that fingerprints may cost
A_KEY: Final = 120.0  # bytes
TOGETHER: Final = 1000  # keys that are remembered at once where memory is measured


def _prints() -> Prints:
    config = DedupeConfig()
    return Prints(config.window, config.max_keys, SEED)


def _trail() -> Trail:
    config = TrailConfig()
    return Trail(int(config.max_bytes), config.max_age)


def _registered() -> Registered:
    found = Registry().register(Registration("bench-agent-0000"))
    if found is None:
        raise LookupError("a registry with room did not take an agent")
    return found


OFF: Final = "nothing"
WAYS: Final[dict[str, Callable[[], Run]]] = {
    OFF: lambda: Run(merging=True),
    "fingerprints": lambda: Run(merging=True, prints=_prints()),
    "the trail": lambda: Run(merging=True, trail=_trail()),
    "open spans": lambda: Run(merging=True, agent=_registered()),
    "all of it": lambda: Run(merging=True, prints=_prints(), trail=_trail(), agent=_registered()),
}


def singles(load: Sequence[Post]) -> list[Post]:
    """The same copies, each in a post of its own."""
    found = []
    for post in load:
        for span in span_json.spans_of(post.body):
            body = b"[%b]" % span
            found.append(Post(post.at, body, span_json.scan(body)))
    return found


def measure(load: list[Post], runs: int, progress: Progress, name: str) -> dict[str, list[float]]:
    """Seconds of CPU a copy: of `nothing` as it is, of every other way beside it."""
    copies = sum(post.scan.spans for post in load)
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(runs):

        def once(shift: int = number) -> str:
            bare = WAYS[OFF]().cpu(load) / copies
            found[OFF].append(bare)
            ways = [way for way in WAYS if way != OFF]
            for way in ways[shift % len(ways) :] + ways[: shift % len(ways)]:
                found[way].append(WAYS[way]().cpu(load) / copies - bare)
            return f"{bare * 1e6:.2f} µs a copy with nothing"

        progress.measure(f"{name} {number + 1}", once)
    return found


def reposted(load: list[Post], runs: int) -> list[float]:
    """Seconds of CPU of a copy that is known: everything is posted a second time when it was delivered."""
    ends = [Post(post.at, body, span_json.scan(body)) for post in load if (body := _ends(post)) != b"[]"]
    again = [Post(post.at + ends[-1].at + 10, post.body, post.scan) for post in ends]
    copies = sum(post.scan.spans for post in again)
    found = []
    for _ in range(runs):
        run = Run(merging=True, prints=Prints(1e9, 1_000_000, SEED))
        run.cpu(ends)
        found.append(run.cpu(again) / copies)
    return found


def _ends(post: Post) -> bytes:
    return span_json.ended(post.body, post.scan.heads)[0]


def per_key(keys: int) -> float:
    """Bytes that a remembered key takes, as Python's allocators count them."""
    chance = random.Random(SEED)
    gc.collect()
    tracemalloc.start()
    prints = Prints(1e9, keys + TOGETHER, SEED)
    for _ in range(0, keys, TOGETHER):
        names = [f"{chance.getrandbits(128):032x}\0{chance.getrandbits(128):032x}" for _ in range(TOGETHER)]
        marks = prints.of([name.encode() for name in names], ended=True)
        prints.remember(names, marks, 1.0)
        del names, marks
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return taken / len(prints)


def main(argv: Sequence[str]) -> int:
    """Print a table and the goals. Returns 0; figures are for people."""
    parser = argparse.ArgumentParser(prog="bench memory", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each, {RUNS}")
    runs: int = parser.parse_args(argv).runs
    tune_process()
    started = time.perf_counter()
    dozens = posts(RATE, SECONDS, SEED)
    ones = singles(dozens)
    progress = Progress(2 * runs)
    figures = {
        "posts of several": measure(dozens, runs, progress, "posts of several"),
        "posts of one": measure(ones, runs, progress, "posts of one"),
    }
    known = {"posts of several": reposted(dozens, runs), "posts of one": reposted(ones, runs)}
    sizes = {keys: per_key(keys) for keys in KEYS}
    print("\n".join(machine.describe()))
    for name, found in figures.items():
        rows = [[way, f"{median(times) * 1e6:.2f}", spread(times, ".2f", 1e6)] for way, times in found.items()]
        rows.append(["a copy that is known", f"{median(known[name]) * 1e6:.2f}", spread(known[name], ".2f", 1e6)])
        print(table(f"{name}: CPU a copy beside {OFF}, µs", ["remembered", "median", "lowest to highest"], rows))
    rows = [[f"{keys:,}", f"{size:.0f}"] for keys, size in sizes.items()]
    print(table("memory of a fingerprint, bytes", ["keys", "each"], rows))
    copies = sum(post.scan.spans for post in dozens)
    size = sum(len(post.body) for post in dozens) / copies
    seconds = time.perf_counter() - started
    print(f"\n{copies:,} copies of {size:,.0f} bytes, {copies / len(dozens):.1f} a post; {seconds:.0f} s")
    goals = [
        Goal(f"fingerprints, {name}", found["fingerprints"], EACH, at_least=False, scale=1e6, unit=" µs")
        for name, found in figures.items()
    ]
    goals.append(Goal("bytes a key at worst", [max(sizes.values())], A_KEY, at_least=False, show=",.0f", unit=" bytes"))
    print(table("goals", ["", "goal", "median", "spread", "met"], [goal.row() for goal in goals]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
