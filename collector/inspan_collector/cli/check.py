"""`inspan check`: the configuration as it is understood, secrets masked; or what is wrong with it."""

import argparse
import sys
from typing import Any

import msgspec

from inspan_collector.cli.run import add_config, read_config
from inspan_collector.config.render import render, schema


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("check", help="print the resolved configuration, or its errors (exit 2)")
    add_config(parser)
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of the file instead")
    parser.set_defaults(command=_check)


def _check(arguments: argparse.Namespace) -> int:
    if arguments.schema:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode() + "\n")
        return 0
    resolved = read_config(arguments)
    for note in resolved.notes:
        sys.stderr.write(f"note: {note}\n")
    sys.stdout.write(render(resolved.config))
    return 0
