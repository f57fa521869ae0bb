"""`inspan spool replay`: rows that nobody sends any more are given to a running sidecar.

Either those of a destination that its configuration does not have any more, in its own spool; or those of a file: a
spool that was set aside, or an export.
"""

import argparse
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from inspan.wire import default_socket
from inspan_collector.cli.asking import Failed, Misused, add_control, ask
from inspan_collector.cli.posting import Poster
from inspan_collector.cli.rows import SpoolFile, exported, is_export
from inspan_collector.cli.terminal import Progress, add_json, note, safe, say, say_json
from inspan_collector.row import Row, Trouble
from inspan_collector.spool.store import Store

NAMED: Final = 10  # rows that were refused and are named; the rest is counted

EPILOG: Final = (
    "What is posted from a FILE goes to every destination that takes its format, as an agent's post does. "
    "So rows of one destination are given at a time: --from says of which."
)


class Tally(msgspec.Struct):
    """How far a replay is. weak: rows of which the sidecar has not said that they are on its disk.

    last: the seq of the last row that was taken, refused or passed over.
    """

    rows: int = 0
    spans: int = 0
    refused: int = 0
    damaged: int = 0
    weak: int = 0
    last: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="a spool that no sidecar uses, or an export; - for one")
    parser.add_argument("--from", dest="source", metavar="NAME", help="the destination whose rows are meant")
    parser.add_argument("--to", dest="target", metavar="NAME", help="without FILE: the destination that gets them")
    parser.add_argument("--after", type=int, default=0, metavar="SEQ", help="of a FILE: go on where a replay stopped")
    parser.add_argument("--socket", type=Path, help="of a FILE: the agents' socket; default: where the sidecar puts it")
    add_json(parser)
    add_control(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run the command. Returns the exit code."""
    if arguments.file is not None:
        if arguments.target is not None:
            raise Misused(f"--to is for rows in the sidecar's own spool. {EPILOG}")
        return _post_file(arguments)
    if arguments.source is None or arguments.target is None:
        raise Misused("name a FILE; or --from and --to, for rows in the sidecar's own spool")
    wanted = {"from": arguments.source, "to": arguments.target}
    found = ask(arguments, "POST", "/spool/replay", wanted)
    if arguments.json:
        say_json(found)
    else:
        counts = ", ".join(f"{count} {safe(name)}" for name, count in found.items())
        say(f"given from {safe(arguments.source)} to {safe(arguments.target)}: {counts}")
    return 0


def _post_file(arguments: argparse.Namespace) -> int:
    tally = Tally(last=arguments.after)
    poster = Poster(arguments.socket or default_socket())
    progress = Progress()
    try:
        for row in _rows(arguments):
            _give(row, poster, tally)
            progress(f"{tally.rows:,} rows, {tally.spans:,} spans")
    except (Failed, Trouble, KeyboardInterrupt) as error:
        progress.end()
        _report(arguments, tally)
        note(f"stopped; go on with --after {tally.last}")
        if isinstance(error, KeyboardInterrupt):
            return 130
        raise
    finally:
        poster.close()
    progress.end()
    _report(arguments, tally)
    return 1 if tally.refused or tally.damaged else 0


def _rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Of one destination, in their order, behind --after."""
    if is_export(arguments.file):
        yield from _exported(arguments)
        return
    path = Path(arguments.file)
    _need_nobody(path)
    with SpoolFile(path) as file:
        names = sorted(file.ask(Store.totals))
        if arguments.source is None and len(names) > 1:
            raise Misused(f"{path} has rows of {', '.join(names)}: say --from which. {EPILOG}")
        if arguments.source is not None and arguments.source not in names:
            raise Failed(f"{path} has no rows of {arguments.source}: there is {', '.join(names) or 'none'}")
        for name in names:
            if arguments.source in (None, name):
                yield from file.rows(name, arguments.after)


def _exported(arguments: argparse.Namespace) -> Iterator[Row]:
    name = arguments.source
    for row in exported(arguments.file):
        name = row.destination if name is None else name
        if row.destination == name:
            if row.seq > arguments.after:
                yield row
        elif arguments.source is None:
            raise Failed(f"row {row.seq} is of {row.destination}, and those before it of {name}: say --from which")


def _give(row: Row, poster: Poster, tally: Tally) -> None:
    why = f"damaged: {row.fault}" if row.fault else poster.give(row)
    tally.last = row.seq
    if why is None:
        tally.rows += 1
        tally.spans += row.spans
        tally.weak = poster.weak
        return
    if row.fault:
        tally.damaged += 1
    else:
        tally.refused += 1
    if tally.refused + tally.damaged <= NAMED:
        note(f"row {row.seq} with {row.spans} spans was not given: {safe(why)}")


def _report(arguments: argparse.Namespace, tally: Tally) -> None:
    if arguments.json:
        say_json(msgspec.to_builtins(tally))
        return
    words = f"given: {tally.rows:,} rows, {tally.spans:,} spans"
    if tally.weak:
        words += f"; {tally.weak:,} rows are accepted, and not known to be on the sidecar's disk"
    say(words)
    if tally.refused or tally.damaged:
        say(f"not given: {tally.refused:,} rows refused, {tally.damaged:,} rows damaged")


def _need_nobody(path: Path) -> None:
    """A sidecar that uses the file sends its rows itself."""
    lock = path.with_name(path.name + ".lock")
    if not lock.exists():
        return
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failed(f"{path}: a sidecar uses it, and sends its rows itself") from None
