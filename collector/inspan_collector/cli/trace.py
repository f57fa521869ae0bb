"""`inspan trace TRACE_ID [ID]`: what became of the spans of a trace, as a running sidecar remembers it."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from inspan_collector.cli.asking import Failed, Misused, add_control, ask
from inspan_collector.cli.standing import ago, duration, merged, moment, outcome, short, standing
from inspan_collector.cli.terminal import add_json, cut, note, prepare, safe, say, say_json, table, width
from inspan_collector.cli.tree import UNSEEN, tree
from inspan_collector.screen.paint import BAD, GOOD, WARN, Paint, colours

NAME: Final = 60  # columns of a branch and a name: a deep or long one is cut, and what became of it is seen
HEADING: Final = ("step", "after", "destination", "status", "attempt", "fingerprint", "detail")
MOODS: Final = {"good": GOOD, "slow": WARN, "bad": BAD}
MAX_ID: Final = 300  # characters: SGP takes 256, and each may be 12 in a path, of which a line holds 8,190 with both
NONE: Final = (
    "no destination of this sidecar keeps a trail: those of kind sgp and agentex do, unless upsert.trail is null"
)
ELSEWHERE: Final = "It may have gone to another sidecar, or as OTLP, of which no trail is kept"

Spans = Mapping[str, Mapping[str, Mapping[str, Any]]]  # by id and destination


class _Row(NamedTuple):
    name: str
    lasted: str = ""
    outcome: str = ""
    stands: str = ""
    span_id: str = ""
    mood: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument("trace_id", metavar="TRACE_ID")
    parser.add_argument("id", metavar="ID", nargs="?", help="of one span: every step of it")
    add_json(parser)
    add_control(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run the command. Returns the exit code."""
    prepare()
    try:
        return _trace(arguments)
    except (Failed, Misused) as error:
        note(f"inspan trace: {safe(str(error))}")
        return 2 if isinstance(error, Misused) else 1


def _trace(arguments: argparse.Namespace) -> int:
    if not arguments.trace_id or arguments.id == "":
        raise Misused("an id is never empty")
    if max(len(arguments.trace_id), len(arguments.id or "")) > MAX_ID:
        raise Misused(f"an id of more than {MAX_ID} characters cannot be asked for")
    try:
        path = f"/trace/{quote(arguments.trace_id, safe='')}"
        found = ask(arguments, "GET", path, id=arguments.id)
    except UnicodeEncodeError:
        raise Misused("an id is text in UTF-8") from None
    destinations = found["destinations"]
    if not destinations:
        raise Failed(NONE)
    if arguments.json:
        say_json(found)
    spans = merged([(name, span) for name, told in destinations.items() for span in told["spans"]])
    if not spans:
        raise Failed(f"nothing is known of it{_how_far_back(found)}. {ELSEWHERE}")
    if not arguments.json:
        paint = Paint(on=colours(sys.stdout))
        for line in _steps(spans) if arguments.id else _tree(spans, found["now"], len(destinations) > 1, paint):
            say(line)
        if left_out := max(told["left_out"] for told in destinations.values()):
            note(f"{left_out} more spans are not shown")
    return 0


def _how_far_back(found: Mapping[str, Any]) -> str:
    told = [each for each in found["destinations"].values() if each["since"] is not None]
    if not told:
        return ": the trail is empty"
    since = min(each["since"] for each in told)
    pruned = sum(each["pruned"] for each in told)
    at = datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds")
    before = "what was before is not kept any more" if pruned else "nothing was pruned"
    return f": the trail goes back to {at}, {ago(found['now'] - since)}, and {before}"


def _tree(spans: Spans, now: float, named: bool, paint: Paint) -> list[str]:
    """A line for each span. named: the destinations are told apart."""
    told = {span_id: _fullest(each.values()) for span_id, each in spans.items()}
    ordered = sorted(told, key=lambda span_id: moment(told[span_id]["start"]) or told[span_id]["now"][1])
    rows = []
    for span_id, branch in tree({each: told[each]["parent_id"] for each in ordered}):
        if span_id is None:
            rows.append(_Row(branch + UNSEEN))
            continue
        span = told[span_id]
        stands = {name: standing(each, now) for name, each in spans[span_id].items()}
        moods = [each.mood for each in stands.values()]
        rows.append(
            _Row(
                cut(branch + safe(span["name"] or span_id), min(NAME, width() // 2)),
                duration(span, now),
                outcome(span),
                "; ".join(f"{name}: {each.text}" if named else each.text for name, each in stands.items()),
                safe(span_id),
                next((mood for mood in ("bad", "slow", "good") if mood in moods), ""),
            )
        )
    return _aligned(rows, paint)


def _fullest(spans: Any) -> Mapping[str, Any]:
    """Of what destinations know of one span, what says most: one with an end, else one with a name."""
    return max(spans, key=lambda span: (span["end"] is not None, span["name"] is not None))


def _aligned(rows: Sequence[_Row], paint: Paint) -> list[str]:
    """Columns, cut to the terminal. The id is last: it is for the next command, and not for the eye."""
    widths = [max(map(len, column)) for column in zip(*(row[:4] for row in rows), strict=True)]
    room = max(1, width() - sum(widths[:3]) - 6)
    longest = min(widths[3], room)
    lines = []
    for row in rows:
        outcome = row.outcome.ljust(widths[2])
        stands = cut(row.stands, longest).ljust(longest)
        left = cut(row.span_id, room - longest - 2) if room > longest + 2 else ""
        outcome = paint(outcome, BAD) if row.outcome == "ERROR" else outcome
        stands = paint(stands, MOODS[row.mood]) if row.mood else stands
        lines.append(
            f"{row.name.ljust(widths[0])}  {row.lasted.rjust(widths[1])}  {outcome}  {stands}  {left}".rstrip()
        )
    return lines


def _steps(spans: Spans) -> list[str]:
    """A row for each step of one span, in all destinations."""
    ((span_id, by_destination),) = spans.items()
    steps = sorted(
        (
            (step[1], number, name, step)
            for name, each in by_destination.items()
            for number, step in enumerate(each["steps"])
        ),
        key=lambda step: step[:3],
    )
    first = steps[0][0]
    span = _fullest(by_destination.values())
    at = datetime.fromtimestamp(first, UTC).isoformat(timespec="milliseconds")
    heading = f"{safe(cut(span['name'] or span_id, NAME))}  {outcome(span)}  first step at {at}"
    rows = [
        [str(number), short(at - first), safe(name), safe(status), str(attempt or "-"), print_ or "-", safe(detail)]
        for at, _, name, (number, _, status, attempt, detail, print_) in steps
    ]
    return [heading, *table(HEADING, rows)]
