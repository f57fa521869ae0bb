"""`inspan spool ls|verify|export|replay`: what is on disk, with a sidecar running or without; it is only read."""

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from inspan_collector.cli import respool
from inspan_collector.cli.asking import Failed, Misused
from inspan_collector.cli.rows import Line, SpoolFile, total_json
from inspan_collector.cli.run import add_config, read_config
from inspan_collector.cli.terminal import Progress, add_json, age, note, prepare, safe, say, say_json, size, table
from inspan_collector.row import Total, Trouble
from inspan_collector.spool.store import Store
from inspan_collector.spool.verify import verify

HEADING: Final = ("destination", "rows", "spans", "size", "oldest", "refused")
SHOWN: Final = 20  # faults that are named; the rest is counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands below this one."""
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)
    listing = verbs.add_parser("ls", help="what is in it, by destination")
    verifying = verbs.add_parser("verify", help="read all of it, and say whether it is sound (exit 1: it is not)")
    exporting = verbs.add_parser("export", help="write its rows as lines of JSON")
    exporting.add_argument("--destination", metavar="NAME", help="rows of this one alone")
    exporting.add_argument("-o", "--output", default="-", metavar="FILE", help="default: - for standard output")
    for verb, code in ((listing, _list), (verifying, _verify), (exporting, _export)):
        verb.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: spool.path of the configuration")
        verb.add_argument("--path", type=Path, help="the same as FILE")
        add_config(verb)
        verb.set_defaults(verb=code)
    for verb in (listing, verifying):
        add_json(verb)
    replaying = verbs.add_parser("replay", help="give rows to a running sidecar again", epilog=respool.EPILOG)
    respool.add_arguments(replaying)
    replaying.set_defaults(verb=respool.execute)


def execute(arguments: argparse.Namespace) -> int:
    """Run the command. Returns the exit code."""
    prepare()
    try:
        code: int = arguments.verb(arguments)
    except (Failed, Misused, Trouble) as error:
        note(f"inspan spool: {safe(str(error))}")
        return 2 if isinstance(error, Misused) else 1
    return code


def _find(arguments: argparse.Namespace) -> tuple[Path, frozenset[str] | None]:
    """The file, and the destinations that are configured; None where no configuration was asked. Raises ConfigError."""
    path = arguments.file or arguments.path
    if path is not None and arguments.config is None:
        return path, None
    config = read_config(arguments).config
    known = frozenset(destination.name for destination in config.destinations)
    if path is not None:
        return path, known
    if config.spool is None:
        raise Misused("no spool is configured: name the FILE, or a configuration with -c")
    return config.spool.path, known


def _list(arguments: argparse.Namespace) -> int:
    path, known = _find(arguments)
    with SpoolFile(path) as file:
        totals, refused = file.ask(Store.totals), file.ask(Store.refused_totals)
    names = sorted(totals.keys() | refused.keys())
    strangers = [] if known is None else [name for name in names if name not in known]
    if arguments.json:
        rows = {name: total_json(total) for name, total in totals.items()}
        quarantined = {name: total_json(total) for name, total in refused.items()}
        say_json({"path": str(path), "destinations": rows, "quarantine": quarantined, "not_configured": strangers})
        return int(file.mended)
    for line in table(HEADING, [_row(name, totals.get(name, Total()), refused.get(name, Total())) for name in names]):
        say(line)
    if not names:
        note(f"{path} is empty")
    for name in strangers:
        note(f"{safe(name)} is not configured: inspan spool replay --from {safe(name)} --to NAME gives its rows away")
    return int(file.mended)


def _row(name: str, total: Total, refused: Total) -> list[str]:
    oldest = "-" if total.oldest is None else age(time.time() - total.oldest)
    return [safe(name), str(total.rows), str(total.spans), size(total.size), oldest, str(refused.spans)]


def _verify(arguments: argparse.Namespace) -> int:
    path, _ = _find(arguments)
    if not path.is_file():
        raise Failed(f"{path}: there is no such file")
    progress = Progress()
    verdict = verify(path, lambda done, of: progress(f"{done:,} of {of:,} rows"))
    progress.end()
    rows = sum(total.rows for total in (*verdict.totals.values(), *verdict.refused.values()))
    if arguments.json:
        say_json(msgspec.to_builtins(verdict) | {"path": str(path), "rows": rows, "sound": verdict.sound})
        return 0 if verdict.sound else 1
    words = [
        *(safe(problem) for problem in verdict.problems),
        *(f"row {seq}: {safe(why)}" for seq, why in verdict.faults),
        *(f"quarantine {number}: crc32 does not match" for number in verdict.refused_faults),
    ]
    for word in words[:SHOWN]:
        say(word)
    if len(words) > SHOWN:
        say(f"and {len(words) - SHOWN} more")
    bad = len(verdict.faults) + len(verdict.refused_faults)
    say(f"{path}: {rows:,} rows, {bad:,} of them damaged: {'sound' if verdict.sound else 'NOT sound'}")
    return 0 if verdict.sound else 1


def _export(arguments: argparse.Namespace) -> int:
    path, _ = _find(arguments)
    progress = Progress()
    rows = spans = damaged = 0
    with SpoolFile(path) as file:
        names = sorted(file.ask(Store.totals))
        if arguments.destination is not None:
            if arguments.destination not in names:
                raise Failed(f"{path} has no rows of {arguments.destination}: there is {', '.join(names) or 'none'}")
            names = [arguments.destination]
        with _written(arguments.output) as out:
            for name in names:
                for row in file.rows(name):
                    out.write(msgspec.json.encode(Line.of(row)) + b"\n")
                    rows, spans, damaged = rows + 1, spans + row.spans, damaged + bool(row.fault)
                    progress(f"{rows:,} rows, {spans:,} spans")
    progress.end()
    note(f"exported {rows:,} rows, {spans:,} spans" + (f"; {damaged:,} rows are damaged: see fault" if damaged else ""))
    return 1 if damaged or file.mended else 0


@contextlib.contextmanager
def _written(output: str) -> Iterator[BinaryIO]:
    """Where an export goes. A file is for its owner alone: it holds what spans say. Raises Failed."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with open(output, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:  # Path has no opener
            yield file
    except OSError as error:
        raise Failed(f"{output}: {error.strerror or error}") from None
