"""`inspan demo` as a command: the stage, the screen, the exit code."""

import argparse
import asyncio
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from inspan_collector.demo import scene
from inspan_collector.demo.closing import Outcome, tables
from inspan_collector.demo.lines import Lines
from inspan_collector.demo.observed import Moment
from inspan_collector.demo.play import Stage
from inspan_collector.demo.processes import DemoError, stop_on_signals
from inspan_collector.demo.view import View
from inspan_collector.screen.paint import Screen

LIVE: Final = 0.2  # s between frames: fast enough to look alive
LINES: Final = 1.0  # s between lines where nothing can be drawn over
INTERRUPTED: Final = 130  # as shells have it


def demo(arguments: argparse.Namespace) -> int:
    """Run the demo. Returns 0 where all numbers agree, 1 where they do not or something failed."""
    seed = random.randrange(10_000) if arguments.seed is None else arguments.seed  # noqa: S311
    screen = Screen(sys.stderr if arguments.json else sys.stdout)
    try:
        outcome = asyncio.run(_run(screen, arguments.seconds, seed))
    except DemoError as error:
        sys.stderr.write(f"inspan demo: {error}\n")
        return 1
    except asyncio.CancelledError:
        sys.stderr.write("inspan demo: stopped; its processes are ended\n")
        return INTERRUPTED
    screen.write(*tables(outcome, screen.paint))
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(_as_json(outcome, seed)).decode() + "\n")
    return _judge(outcome, seed)


async def _run(screen: Screen, seconds: float, seed: int) -> Outcome:
    stop_on_signals()
    if not scene.has_sdk():
        screen.write("The OpenTelemetry SDK is not installed here: a plain OTLP poster takes its part.", "")
    try:
        with scene.directory() as directory:
            stage = Stage(Path(directory), seconds, seed, _show(screen), LIVE if screen.live else LINES)
            return await stage.play()
    finally:
        screen.release()


def _show(screen: Screen) -> Callable[[Moment], None]:
    if screen.live:
        view = View(screen.paint)
        return lambda moment: screen.draw(view.frame(moment))
    lines = Lines()
    return lambda moment: screen.write(*lines.of(moment))


def _judge(outcome: Outcome, seed: int) -> int:
    wrong = [claim for claim in outcome.claims() if not claim.agrees]
    for claim in wrong:
        sys.stderr.write(f"inspan demo: {claim.words}: {claim.here} is not {claim.there} (seed {seed})\n")
    return 1 if wrong else 0


def _as_json(outcome: Outcome, seed: int) -> dict[str, object]:
    claims = outcome.claims()
    return {
        "seed": seed,
        "agrees": all(claim.agrees for claim in claims),
        "differs": [claim for claim in claims if not claim.agrees],
        "agents": outcome.agents,
        "ledger": outcome.books,
        "sink": outcome.count,
    }
