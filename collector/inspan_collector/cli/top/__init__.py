"""`inspan top`: a running sidecar, live, from its admin address."""

import argparse
from typing import Final

from inspan_collector.cli.asking import Failed, Misused
from inspan_collector.cli.terminal import add_json, note, prepare, safe
from inspan_collector.config.values import Address

DEFAULT: Final = "127.0.0.1:19464"  # admin.listen where nobody says


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--admin",
        type=_address,
        default=DEFAULT,
        metavar="ADDRESS",
        help="HOST:PORT of the sidecar; default %(default)s",
    )
    parser.add_argument("--once", action="store_true", help="print one frame, and end")
    add_json(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run the command. Returns the exit code."""
    from inspan_collector.cli.top.command import top  # here: `inspan top --help` needs none of it

    prepare()
    try:
        return top(arguments)
    except (Failed, Misused) as error:
        note(f"inspan top: {safe(str(error))}")
        return 2 if isinstance(error, Misused) else 1


def _address(text: str) -> str:
    """As people have it at hand: from a browser, or from a log line. Raises ArgumentTypeError."""
    try:
        address = Address(text.removeprefix("http://").rstrip("/"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected HOST:PORT, found {safe(text)}") from None
    return f"{address.host}:{address.port}" if ":" not in address.host else f"[{address.host}]:{address.port}"
