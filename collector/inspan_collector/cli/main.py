"""`inspan`: which command, and what its end means."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final, TextIO

from inspan import __version__
from inspan_collector.errors import ConfigError, StartError, Unwritten

# By name: the module with `add_arguments` and `execute`, and what it is for. Only the chosen one is imported: a sidecar
# has no use for what the others need, and keeps it in memory for ever.
COMMANDS: Final = {
    "run": ("inspan_collector.cli.run", "run the sidecar"),
    "check": ("inspan_collector.cli.check", "print the resolved configuration, or its errors (exit 2)"),
    "demo": ("inspan_collector.demo", "a sidecar, a moody upstream and two agents, live; exit 0 if the books balance"),
    "top": ("inspan_collector.cli.top", "a running sidecar, live: is anything lost, and where do spans wait"),
    "tap": ("inspan_collector.cli.tap", "a few of the spans that pass a running sidecar, as they pass"),
    "send": ("inspan_collector.cli.send", "send a file of spans to a running sidecar"),
    "quarantine": ("inspan_collector.cli.quarantine", "what upstreams refused for good: ls, show, replay, drop"),
    "trace": ("inspan_collector.cli.trace", "what became of the spans of a trace, in a running sidecar"),
    "spool": ("inspan_collector.cli.spool", "what is on disk: ls, verify, export, replay"),
    "sink": ("inspan_collector.sink", "an upstream to test with: counts, and misbehaves on request"),
}

EXITS: Final = {
    0: "It is done. For `run`: the books were closed, whether everything could be delivered or not.",
    1: "It failed, or not all of it could be done, or what was asked is not so: standard error says which.",
    2: "It cannot be started so: an argument, the configuration, an address that is taken.",
    130: "It was interrupted, as by Ctrl-C.",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    if sys.stdout is None:  # it was closed before we began
        sys.stdout = _unwritable()
    arguments = parser(words[0] if words else "").parse_args(words)
    try:
        code: int = arguments.execute(arguments)
        sys.stdout.flush()
    except (ConfigError, StartError) as error:
        sys.stderr.write(f"inspan: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # as of `inspan … | head`; what is left unwritten would be complained of at the exit
        _hush()
        return 1
    except (OSError, Unwritten) as error:
        why = str(error) if isinstance(error, Unwritten) else _unwritten()
        if why is None:
            raise
        sys.stderr.write(f"inspan: standard output cannot be written: {why}\n")
        _hush()
        return 1
    return code


def _unwritable() -> TextIO:
    """A file that refuses what is written; it has the number too, which no socket of ours is to get."""
    return os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")


def _unwritten() -> str | None:
    """Why standard output does not take what is still to be written; None where it does."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return error.strerror
    return None


def _hush() -> None:
    """Let the end of the process find somebody who takes what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser(chosen: str) -> argparse.ArgumentParser:
    """Knows every command by name, and of the chosen one the arguments too."""
    found = argparse.ArgumentParser(prog="inspan", description="A sidecar span collector.")
    found.add_argument("--version", action="version", version=f"inspan {__version__}")
    commands = found.add_subparsers(metavar="COMMAND", required=True)
    for name, (module, purpose) in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose[0].upper() + purpose[1:] + ".")
        if name == chosen:
            code = import_module(module)
            code.add_arguments(command)
            command.set_defaults(execute=code.execute)
    return found
