"""Where the time of a relay goes: samples of its stacks under load, in a file of folded stacks a system.

`python -m bench profile`. py-spy looks from outside, and stops the process for each look, so that what was measured
meanwhile is no figure. It hardly sees threads that are in native code, as those are that compress: their part is what
the kernel counted of their CPU time beside that of the loop's thread, as samples of one frame.
"""

import argparse
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.harness.command import RESULTS
from bench.harness.relayed import generator
from bench.harness.settings import Case
from bench.harness.stage import Stage
from bench.harness.systems import LIMIT, OURS, SYSTEMS, start
from bench.load import Load
from bench.peers.peer import Running
from bench.peers.starting import inherited
from bench.process import Failed, Process, cores
from bench.scenarios.relay import SCENARIO
from bench.throughput import STARTING, WARM

CASE: Final = "100 x 360 B"  # what the goals are about
RATE: Final = 250  # looks a second; each stops the process for a millisecond or less
SECONDS: Final = 8.0  # 2,000 looks: a part of one hundredth is known to a fifth
SUFFIX: Final = ".folded"
# An address is another in each run; counting references is inlined anywhere, and named for who did it first.
NOISE: Final = ("0x", "Py_DECREF", "Py_XDECREF")
LOOP: Final = "<module>"  # where the stacks of the first thread begin, which runs the loop
THREADS: Final = "threads beside the loop"
PLACE: Final = re.compile(
    r" \((?:.*?/)??((?:inspan(?:_collector)?|bench)/[\w/]+|[^/()]+)\.\w+(?::\d+)?\)$|(?: \(.*\))$"
)


def main(argv: Sequence[str]) -> int:
    """Write a file for inspan and one for the limit loop. Returns 1 where there is no profiler."""
    parser = argparse.ArgumentParser(prog="bench profile", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of looking (default: %(default)s)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the stacks")
    options = parser.parse_args(argv)
    spy = os.environ.get("INSPAN_BENCH_PYSPY")
    if not spy:
        print("bench: no profiler: INSPAN_BENCH_PYSPY names py-spy, and `make bench` installs it", file=sys.stderr)
        return 1
    options.results.mkdir(parents=True, exist_ok=True)
    with Stage(*cores(), options.seconds) as stage:
        for name in (OURS, LIMIT):
            stacks = looked_at(stage, Path(spy), name, SCENARIO.case(CASE))
            path = options.results / f"{name.replace(' ', '-')}{SUFFIX}"
            path.write_text("".join(f"{stack} {count}\n" for stack, count in sorted(stacks.items())))
            print(f"{path}: {stacks.total():,} samples")
    return 0


def looked_at(stage: Stage, spy: Path, name: str, case: Case) -> Counter[str]:
    """Samples by stack, outermost frame first. Raises Failed."""
    place = stage.place()
    running = start(SYSTEMS[name], place, case)
    with (
        running.process,
        generator(stage, running, case, stage.bodies(case.load), place.scratch / "load.log") as posting,
    ):
        posting.ask(str(WARM), WARM + STARTING)
        posting.tell(str(stage.seconds))
        before = running.process.threads()
        raw = _spy(spy, running, stage, place.scratch / "stacks")
        beside = beside_the_loop(running.pid, before, running.process.threads())
        msgspec.json.decode(posting.hear(stage.seconds + STARTING), type=Load)
    stacks = folded(raw.splitlines())
    stacks[THREADS] = round(stacks.total() * beside)
    return +stacks


def beside_the_loop(loop: int, before: dict[int, float], after: dict[int, float]) -> float:
    """CPU time of all other threads, as a share of that of the loop's. By thread: seconds."""
    took = {thread: seconds - before.get(thread, 0.0) for thread, seconds in after.items()}
    own = took.pop(loop)
    return sum(took.values()) / own if own else 0.0


def folded(lines: Sequence[str]) -> Counter[str]:
    """py-spy's lines of the loop's thread, alike frames as one: without line numbers and places of a machine."""
    stacks: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        if not any(frame.startswith(LOOP) for frame in stack.split(";")):
            continue
        stacks[";".join(_frames(stack))] += int(count)
    return stacks


def _frames(stack: str) -> Iterator[str]:
    for frame in stack.split(";"):
        if frame.startswith(NOISE):
            continue
        found = PLACE.search(frame)
        module = found and found.group(1)
        name = PLACE.sub("", frame)
        yield f"{name} ({module})" if module else name


def _spy(spy: Path, running: Running, stage: Stage, into: Path) -> str:
    argv = [str(spy), "record", "--pid", str(running.process.popen.pid), "--format", "raw", "--native"]
    argv += ["--rate", str(RATE), "--duration", str(max(1, round(stage.seconds - 1))), "--output", str(into)]
    with Process(argv, stage.beside, into.with_suffix(".log"), inherited()) as looking:
        try:
            code = looking.popen.wait(stage.seconds + STARTING)
        except subprocess.TimeoutExpired:
            raise Failed(f"{looking!r} does not end: {looking.last_words()}") from None
        if code:
            raise Failed(f"{looking!r}: {looking.last_words()}")
    return into.read_text()
