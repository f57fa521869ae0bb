"""`inspan quarantine ls|show|replay|drop`: what upstreams refused for good, in a running sidecar."""

import argparse
import json
import time
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from inspan_collector.cli.asking import Failed, Misused, add_control, ask
from inspan_collector.cli.figures import whole
from inspan_collector.cli.readable import readable
from inspan_collector.cli.terminal import (
    add_json,
    age,
    confirmed,
    note,
    plural,
    prepare,
    safe,
    safe_lines,
    say,
    say_json,
    size,
    table,
)

PAGE: Final = 500  # entries asked for at once
LIMIT: Final = 1000  # entries that are listed where nobody says: more than anybody reads
HEADING: Final = ("id", "age", "destination", "status", "spans", "size", "message")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands below this one."""
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)
    listing = verbs.add_parser("ls", help="list the entries, oldest first")
    listing.add_argument("--destination", metavar="NAME", help="of this one alone")
    listing.add_argument(
        "--limit", type=whole(1), default=LIMIT, metavar="N", help=f"entries at most (default {LIMIT})"
    )
    showing = verbs.add_parser("show", help="print one entry with its spans")
    showing.add_argument("id", metavar="ID")
    replaying = verbs.add_parser("replay", help="give entries to their destination again")
    dropping = verbs.add_parser("drop", help="forget entries for good")
    dropping.add_argument("--yes", action="store_true", help="do not ask")
    for verb in (replaying, dropping):
        verb.add_argument("ids", metavar="ID", nargs="*")
        verb.add_argument("--all", action="store_true", help="every entry, of --destination or of all")
        verb.add_argument("--destination", metavar="NAME", help="leave those of others alone")
    for verb, code in ((listing, _list), (showing, _show), (replaying, _replay), (dropping, _drop)):
        add_json(verb)
        add_control(verb)
        verb.set_defaults(verb=code)


def execute(arguments: argparse.Namespace) -> int:
    """Run the command. Returns the exit code."""
    prepare()
    try:
        code: int = arguments.verb(arguments)
    except (Failed, Misused) as error:
        note(f"inspan quarantine: {safe(str(error))}")
        return 2 if isinstance(error, Misused) else 1
    return code


def _list(arguments: argparse.Namespace) -> int:
    entries: list[dict[str, Any]] = []
    after: str | None = "0"
    while after is not None and len(entries) < arguments.limit:
        limit = min(PAGE, arguments.limit - len(entries))
        page = ask(arguments, "GET", "/quarantine", destination=arguments.destination, after=after, limit=limit)
        entries += page["entries"]
        after = page["next"]
    if arguments.json:
        say_json(entries)
        return 0
    for line in table(HEADING, [_row(entry) for entry in entries]):
        say(line)
    if after is not None:
        note(f"the oldest {len(entries)} of more: see --limit")
    elif not entries:
        note("nothing is in quarantine")
    return 0


def _row(entry: dict[str, Any]) -> list[str]:
    return [
        entry["id"],
        age(time.time() - entry["at"]),
        safe(entry["destination"]),
        str(entry["status"] or "-"),
        str(entry["spans"]),
        size(entry["bytes"]),
        safe(" ".join(entry["message"].split())),
    ]


def _show(arguments: argparse.Namespace) -> int:
    entry = ask(arguments, "GET", f"/quarantine/{quote(arguments.id, safe='')}")
    lines = readable(entry["format"], entry["encoding"], entry["body"])
    if arguments.json:
        if entry["encoding"] == "base64" and lines is not None:
            entry["readable"] = json.loads(lines)
        say_json(entry)
        return 0
    at = datetime.fromtimestamp(entry["at"], UTC).isoformat(timespec="seconds")
    named = {
        "id": entry["id"],
        "destination": entry["destination"],
        "refused at": f"{at}, {age(time.time() - entry['at'])} ago",
        "status": entry["status"] or "none: it cannot be sent, or failed each time while others were delivered",
        "message": " ".join(entry["message"].split()),
        "agent": entry["agent"],
        "spans": f"{entry['spans']} in {size(entry['bytes'])} of {entry['format']}",
    }
    for name, value in named.items():
        say(f"{name:<12} {safe(str(value))}")
    if lines is None and entry["encoding"] == "base64":
        say("\nThe body, in base64, since it cannot be read:")
    say("\n" + safe_lines(entry["body"] if lines is None else lines))
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    _need_one(arguments)
    return _changed(
        arguments, "replay", "replayed", "the queue or the memory is full, or the destination has no use for them"
    )


def _drop(arguments: argparse.Namespace) -> int:
    _need_one(arguments)
    if arguments.all and not arguments.yes:
        whose = f"of {arguments.destination}" if arguments.destination else "of all destinations"
        yes = confirmed(f"Forget everything {safe(whose)} in quarantine for good?")
        if yes is None:
            raise Misused("drop --all asks first, and there is no terminal: say --yes")
        if not yes:
            raise Failed("nothing was dropped")
    return _changed(arguments, "drop", "dropped", "they have gone meanwhile")


def _need_one(arguments: argparse.Namespace) -> None:
    if arguments.all == bool(arguments.ids):
        raise Misused("name some ids, or --all: one of the two")


def _changed(arguments: argparse.Namespace, verb: str, done: str, why_left: str) -> int:
    wanted = {"all": True} if arguments.all else {"ids": arguments.ids}
    if arguments.destination:
        wanted["destination"] = arguments.destination
    found = ask(arguments, "POST", f"/quarantine/{verb}", wanted)
    if arguments.json:
        say_json(found)
    else:
        say(f"{done} {plural(found[done], 'entry', 'entries')}")
    if found["unknown"]:
        note(f"not in quarantine: {safe(' '.join(found['unknown']))}")
    if found["left"]:
        stay = "entry stays" if found["left"] == 1 else "entries stay"
        note(f"{found['left']:,} {stay}: {why_left}")
    return 1 if found["unknown"] or found["left"] else 0
