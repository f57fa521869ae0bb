"""The tables of docs/commands.md: what there is of commands, options and exit codes, as argparse knows it."""

import argparse
from collections.abc import Iterator
from typing import Final

from docs.pages.regions import table

from inspan_collector.cli.main import COMMANDS, EXITS, parser

HELP: Final = argparse.SUPPRESS  # what `--help` itself is called by, and by no other option


def tables() -> dict[str, str]:
    """Of the regions `commands`, `options` and `exits`."""
    return {
        "commands": table(["command", "what it does"], [[_link(name), each[1]] for name, each in COMMANDS.items()]),
        "options": "\n".join(_section(name) for name in COMMANDS),
        "exits": table(["code", "meaning"], [[f"`{code}`", meaning] for code, meaning in EXITS.items()]),
    }


def verbs(name: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """A command, and each one below it that can be called by itself: (how it is called, its parser)."""
    yield from _below(f"inspan {name}", _children(parser(name))[name])


def _below(called: str, command: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    children = _children(command)
    if not children:
        yield called, command
    for verb, child in children.items():
        yield from _below(f"{called} {verb}", child)


def _children(command: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in command._actions:  # argparse has no other way to what was added to it
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _link(name: str) -> str:
    return f"[`inspan {name}`](#inspan-{name})"


def _section(name: str) -> str:
    parts = [f"### inspan {name}\n\n{COMMANDS[name][1][0].upper()}{COMMANDS[name][1][1:]}.\n"]
    for called, command in verbs(name):
        title = f"`{called}`\n\n" if called != f"inspan {name}" else ""
        parts.append(title + table(["argument", "meaning"], [_row(action) for action in arguments(command)]))
    return "\n".join(parts)


def arguments(command: argparse.ArgumentParser) -> list[argparse.Action]:
    """What may be said to a command, but for `--help`."""
    return [action for action in command._actions if action.dest != "help"]


def _row(action: argparse.Action) -> list[str]:
    """How an argument is written, and what it means."""
    shown = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
    if action.choices:
        shown = "\\|".join(map(str, action.choices))
    names = action.option_strings or [""]
    written = ", ".join(f"`{name}{' ' if name and shown else ''}{shown}`".replace("\\|", " or ") for name in names)
    return [written, _meaning(action)]


def _meaning(action: argparse.Action) -> str:
    """Its help, as argparse prints it."""
    return (action.help or "").replace("%(default)s", str(action.default)).replace("%(default)g", f"{action.default}")
