"""`inspan demo`: a sidecar, a moody upstream and two agents as real processes, and whether their numbers agree."""

import argparse
from typing import Any, Final

SECONDS: Final = 15.0  # long enough to see an outage come and go, short enough to watch to its end


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("demo", help="a sidecar, a moody upstream and two agents; exits 0 if the books agree")
    parser.add_argument("--seconds", type=_seconds, default=SECONDS, metavar="N", help="default %(default)g")
    parser.add_argument("--seed", type=int, help="of what agents make up and of the upstream's delays; default: any")
    parser.add_argument(
        "--json", action="store_true", help="the outcome as JSON on standard output, the view beside it"
    )
    parser.set_defaults(command=_demo)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("expected 1 to 3600")
    return seconds


def _demo(arguments: argparse.Namespace) -> int:
    from inspan_collector.demo.command import demo  # here, so that `inspan run` does not wait for it

    return demo(arguments)
