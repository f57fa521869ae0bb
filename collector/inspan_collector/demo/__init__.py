"""`inspan demo`: a sidecar, a moody upstream and two agents as real processes, and whether their numbers agree."""

import argparse
from typing import Final

SECONDS: Final = 15.0  # long enough to see an outage come and go, short enough to watch to its end


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--seconds", type=_seconds, default=SECONDS, metavar="N", help="default %(default)g")
    parser.add_argument("--seed", type=int, help="of what agents make up and of the upstream's delays; default: any")
    parser.add_argument(
        "--json", action="store_true", help="the outcome as JSON on standard output, the view beside it"
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("expected 1 to 3600")
    return seconds


def execute(arguments: argparse.Namespace) -> int:
    """Run the command. Returns the exit code."""
    from inspan_collector.demo.command import demo  # here: `inspan demo --help` needs none of it

    return demo(arguments)
