"""`inspan`: which command, and what its end means. Exit codes: 0 done, 1 failed, 2 cannot be started so."""

import argparse
import sys
from collections.abc import Sequence

from inspan import __version__
from inspan_collector import demo
from inspan_collector.cli import check, run, send
from inspan_collector.errors import ConfigError, StartError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.command(arguments)
    except (ConfigError, StartError) as error:
        sys.stderr.write(f"inspan: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="inspan", description="A sidecar span collector.")
    parser.add_argument("--version", action="version", version=f"inspan {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    run.add_to(commands)
    check.add_to(commands)
    demo.add_to(commands)
    send.add_to(commands)
    sink = commands.add_parser("sink", help="an upstream to test with: counts, and misbehaves on request")
    sink.set_defaults(command=_sink)
    _add_sink(sink)
    return parser


def _add_sink(parser: argparse.ArgumentParser) -> None:
    from inspan_collector.sink import add_arguments

    add_arguments(parser)


def _sink(arguments: argparse.Namespace) -> int:
    from inspan_collector.sink import serve

    return serve(arguments)
