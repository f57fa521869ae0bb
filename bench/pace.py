"""An agent that follows a schedule, whatever records its spans. The standard library alone: peers' Pythons run it too.

The process is asked twice, by lines on stdin. It answers the first when it is ready, and the second with one line of
JSON (`Ran`) when it has followed the schedule and all is handed over. What was recorded at which time is then in a
file: `[trace_id, id, started, ended]` a span, CLOCK_MONOTONIC in ns, ended 0 where the span was still open when the
load ended.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, TextIO

from bench.schedule import LONGEST, Event, Planned, events, plan
from bench.ticks import Ticks

TICK: Final = 0.002  # s; the agent looks no more often whether something is due, so that looking costs little
CLOSING: Final = 30.0  # s; what agentex-sdk and OpenTelemetry's SDK take by default, and Kubernetes gives
TURN: Final = 16  # events after which others have a turn, where the agent is behind: as its many tasks would take turns


class Recorder(Protocol):
    """What records spans inside the agent. Nothing here waits for the upstream."""

    async def start(self, position: int) -> tuple[str, str]:
        """Record the start of the span at this position of the plan. Returns its key."""

    async def end(self, position: int) -> None:
        """Record its end."""

    async def close(self, seconds: float) -> None:
        """Hand over all that was recorded, as an agent does before it ends, within `seconds` where that can be said."""

    def said(self) -> dict[str, int]:
        """What it counted: `reposts`, `dropped`."""


class Recorded(NamedTuple):
    """By position in the plan. key: None where the agent did not get round to it."""

    keys: list[tuple[str, str] | None]
    started: list[int]
    ended: list[int]


async def follow(due: list[Event], recorder: Recorder, recorded: Recorded, seconds: float) -> float:
    """Record each event when it is due; what is not recorded when `seconds` are over never is.

    Returns the seconds by which the agent was behind at worst; a tick is none of its doing.
    """
    clock, worst = asyncio.get_running_loop().time, 0.0
    began = clock()
    for count, event in enumerate(due):
        early = began + event.at - clock()
        if early > 0:
            await asyncio.sleep(max(early, TICK))
        elif not count % TURN:
            await asyncio.sleep(0)
        now = clock() - began
        if now > seconds + TICK:
            return max(worst, now - event.at)
        worst = max(worst, now - event.at)
        await _record(event, recorder, recorded)
    return worst


async def _record(event: Event, recorder: Recorder, recorded: Recorded) -> None:
    """The time is that of the call: what the recorder itself takes belongs to the latency."""
    if not event.ends:
        recorded.started[event.position] = time.monotonic_ns()
        recorded.keys[event.position] = await recorder.start(event.position)
    elif recorded.keys[event.position] is not None:
        recorded.ended[event.position] = time.monotonic_ns()
        await recorder.end(event.position)


async def _load(options: argparse.Namespace, spans: list[Planned], recorder: Recorder) -> dict[str, Any]:
    due, total = events(spans, options.seconds), len(spans)
    recorded = Recorded([None] * total, [0] * total, [0] * total)
    gc.freeze()  # the plan is none of the agent's, so looking through it is no cost of the agent's
    ticks = Ticks()
    began, cpu = time.monotonic_ns(), time.process_time()
    async with ticks.noted() if options.ticks else contextlib.nullcontext():
        behind = await follow(due, recorder, recorded, options.seconds)
    finished = time.monotonic_ns()
    await recorder.close(options.closing)
    closing, cpu = (time.monotonic_ns() - finished) / 1e9, time.process_time() - cpu
    rows = [(*key, *times) for key, *times in zip(*recorded, strict=True) if key is not None]
    options.records.write_text(json.dumps(rows))
    copies = len(rows) + sum(ended > 0 for ended in recorded.ended)
    times = {"began": began, "finished": finished, "behind": behind, "cpu": cpu, "closing": closing}
    lag = {"lag": ticks.said()} if options.ticks else {}
    return times | {"copies": copies, "missed": len(due) - copies} | lag | recorder.said()


Make = Callable[[str, list[Planned], int], Awaitable[Recorder]]


def serve(prog: str, make: Make) -> None:
    """Be an agent. make: builds its recorder from the target, the plan and the seed, inside the loop."""
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("target", help="where spans go")
    parser.add_argument("records", type=Path, help="file for what was recorded")
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--longest", type=float, default=LONGEST, help="seconds that a span takes")
    parser.add_argument("--closing", type=float, default=CLOSING, help="seconds to hand over what is left")
    parser.add_argument("--ticks", action="store_true", help="note how late the loop is")
    options = parser.parse_args()
    answers = _own_stdout()
    spans = plan(options.rate, options.seconds, options.seed, options.longest)

    async def run() -> dict[str, Any]:
        recorder = await make(options.target, spans, options.seed)
        for answer in ("", "ready\n"):  # asked whether it is ready, then to load
            answers.write(answer)
            answers.flush()
            sys.stdin.readline()
        return await _load(options, spans, recorder)

    print(json.dumps(asyncio.run(run())), file=answers, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.read()  # the end comes from who asked


def _own_stdout() -> TextIO:
    """Answers alone go there: what a library prints goes to the log."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers
