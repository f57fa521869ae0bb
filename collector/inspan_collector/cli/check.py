"""`inspan check`: the configuration as it is understood, secrets masked; or what is wrong with it."""

import argparse
import sys

import msgspec

from inspan_collector.cli.run import add_config, read_config
from inspan_collector.cli.terminal import add_json, say, say_json
from inspan_collector.config.render import render, schema, shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_config(parser)
    add_json(parser)
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of the file instead")


def execute(arguments: argparse.Namespace) -> int:
    """Run the command. Returns the exit code."""
    if arguments.schema:
        say(msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode())
        return 0
    resolved = read_config(arguments)
    for note in resolved.notes:
        sys.stderr.write(f"note: {note}\n")
    if arguments.json:
        say_json({"config": shown(resolved.config), "notes": list(resolved.notes)})
    else:
        say(render(resolved.config).removesuffix("\n"))
    return 0
