"""What the demo shows: the tables, the comparison, the frame, the lines; and what its agents make up and write."""

import json
from io import StringIO
from pathlib import Path
from random import Random

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from inspan_collector.demo import scene
from inspan_collector.demo.agents.encode import as_json, as_otlp
from inspan_collector.demo.agents.report import Report
from inspan_collector.demo.agents.story import turn
from inspan_collector.demo.agents.timeline import Copy, Timeline
from inspan_collector.demo.closing import Outcome, tables
from inspan_collector.demo.lines import HEADING, Lines
from inspan_collector.demo.observed import (
    Batches,
    Books,
    Destination,
    Event,
    Gate,
    Moment,
    Pool,
    Reception,
    Status,
    Upserts,
)
from inspan_collector.demo.view import WIDTH, View
from inspan_collector.screen.paint import Paint, Screen
from inspan_collector.sink.tally import Count


def outcome() -> Outcome:
    """What all parties say of 30 OTLP spans and 10 others, one of which was refused when it ended, and is seen running.

    Of the 19 copies of these that were accepted, 7 starts met their end, and 2 were sent before it.
    """
    books = Books(
        dialects={"otlp": Reception(30, 30), "spans": Reception(20, 19, {"queue_full": 1}), "sgp": Reception()},
        destinations={
            "otlp": {"enqueued": 39, "delivered": 38, "dropped_rejected": 1},
            "sgp": {"enqueued": 19, "delivered": 12, "merged": 7},
        },
        imbalance=0,
    )
    agents = {
        "otlp": Report(name="sdk", spans=30, copies=30, accepted=30, ended=30, requests=2),
        "sgp": Report(name="plain", spans=10, copies=20, accepted=19, lost=1, ended=9, running=1, requests=3),
    }
    return Outcome(agents, books, count(spans=50, unique=48, rows=10, running=1), 0)


def count(**known: int) -> Count:
    counted = dict.fromkeys(Count.__struct_fields__, 0) | {"answered": {200: 5, 503: 2}} | known
    return Count(**counted)  # type: ignore[arg-type]


def changed(path: str, value: object) -> Outcome:
    """The outcome, but for one number."""
    tree = msgspec.to_builtins(outcome(), str_keys=True)
    *way, last = path.split("/")
    node = tree
    for step in way:
        node = node[step]
    node[last] = value
    return msgspec.convert(tree, Outcome, strict=False)


def test_what_is_accounted_for_agrees_even_where_spans_were_lost() -> None:
    assert [claim for claim in outcome().claims() if not claim.agrees] == []
    assert outcome().ending() == [
        "40 spans made, 38 upstream as OTLP, 2 lost on the way.",
        "12 writes to SGP for 10 of them, 1.20 each, in place of 19; 1 left running.",
    ]


def test_what_the_rows_must_be_is_not_known_where_copies_were_lost() -> None:
    books = outcome().books
    sgp = {"enqueued": 19, "delivered": 11, "merged": 7, "quarantined": 1}
    lossy = msgspec.structs.replace(books, destinations=books.destinations | {"sgp": sgp})
    found = msgspec.structs.replace(outcome(), books=lossy, count=count(spans=49, unique=47, rows=9, running=1))
    assert [claim for claim in found.claims() if not claim.agrees] == []


@pytest.mark.parametrize(
    "path",
    [
        "agents/otlp/accepted",
        "agents/sgp/lost",
        "agents/sgp/copies",
        "agents/sgp/ended",
        "agents/sgp/running",
        "books/dialects/otlp/accepted",
        "books/dialects/spans/received",
        "books/destinations/otlp/enqueued",
        "books/destinations/otlp/delivered",
        "books/destinations/sgp/merged",
        "books/destinations/sgp/queued",
        "books/destinations/sgp/dropped_bug",
        "books/imbalance",
        "count/spans",
        "count/unique",
        "count/rows",
        "count/running",
        "exit_code",
    ],
)
def test_a_number_that_differs_anywhere_is_found_and_shown(path: str) -> None:
    differing = changed(path, 77)
    assert [claim for claim in differing.claims() if not claim.agrees]
    assert any("✗" in line for line in tables(differing, Paint(on=False)))


def moment(numbers: int = 1) -> Moment:
    return Moment(
        elapsed=3.21,
        seconds=15,
        seed=1234,
        mood=scene.moods(15, 1)[1],
        agents=outcome().agents,  # type: ignore[arg-type]
        status=Status(
            ledger=outcome().books,
            connections=2,
            destinations=[
                Destination("otlp", Gate("shut", "503"), Batches(9, 90), Pool(2, 3)),
                Destination("sgp", Gate("shut", "503"), Batches(9, 90), Pool(2, 3), Upserts(numbers)),
            ],
            events=1,
        ),
        count=count(spans=numbers, running=numbers),
        events=[Event(1, 0.0, "dropped", "otlp", "a message " * 20)] * 5,
    )


@pytest.mark.parametrize("numbers", [1, 10**9])
def test_no_line_of_the_view_is_wider_than_a_terminal_of_80_columns(numbers: int) -> None:
    frame = View(Paint(on=False)).frame(moment(numbers))
    assert max(map(len, frame)) <= WIDTH
    assert len(frame) <= 23
    assert max(map(len, Lines().of(moment(numbers)))) <= WIDTH


def test_a_frame_has_as_many_lines_before_the_first_event_and_report_as_after() -> None:
    empty = msgspec.structs.replace(moment(), events=[], agents={})
    assert len(View(Paint(on=False)).frame(empty)) == len(View(Paint(on=False)).frame(moment()))


def test_lines_have_a_heading_and_say_what_changed_once() -> None:
    lines = Lines()
    first, second = lines.of(moment()), lines.of(moment())
    assert first[0] == HEADING
    assert [line.split()[0] for line in second] == ["3"]


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_no_color_and_dumb_terminals_are_respected(environ: dict[str, str], coloured: bool) -> None:
    assert Screen(Terminal(), environ).paint.on is coloured
    assert not Screen(StringIO(), environ).paint.on


def test_the_cursor_comes_back() -> None:
    terminal = Terminal()
    screen = Screen(terminal, {"COLUMNS": "80"})
    screen.draw(["a"])
    screen.draw(["b"])
    screen.release()
    assert terminal.getvalue().count("\x1b[?25l") == terminal.getvalue().count("\x1b[?25h") == 1


def test_the_bodies_written_by_hand_are_what_they_say() -> None:
    spans = turn(Random(1), 1_700_000_000_000_000_000)
    request = ExportTraceServiceRequest.FromString(as_otlp(spans, "demo"))
    (scope,) = request.resource_spans[0].scope_spans
    assert [(span.trace_id.hex(), span.span_id.hex(), span.name) for span in scope.spans] == [
        (span.trace_id, span.id, span.name) for span in spans
    ]
    assert all(
        span.start_time_unix_nano <= span.end_time_unix_nano <= 1_700_000_000_000_000_000 for span in scope.spans
    )
    assert request.resource_spans[0].resource.attributes[0].value.string_value == "demo"
    for ended in (False, True):
        bodies = json.loads(as_json([Copy(span, ended) for span in spans]))
        assert [span["id"] for span in bodies] == [span.id for span in spans]
        assert [("end_timestamp" in span, "output" in span) for span in bodies] == [(ended, ended)] * len(spans)


SECOND = 1_000_000_000


def test_a_turn_lasts_seconds_and_its_spans_a_twentieth_at_least() -> None:
    for seed in range(50):
        *children, whole = turn(Random(seed), 1_700_000_000 * SECOND)
        assert 0.8 * SECOND <= whole.end - whole.start <= 4 * SECOND
        assert all(span.end - span.start >= SECOND / 20 for span in children)
        assert all(whole.start <= span.start and span.end <= whole.end for span in children)


def test_an_agent_tells_of_each_span_when_it_starts_and_when_it_ends() -> None:
    spans, timeline = turn(Random(2), 1_700_000_000 * SECOND), Timeline()
    begin = 1_800_000_000 * SECOND
    timeline.begin(spans, begin)
    told = [(now, copy) for now in range(begin, begin + 5 * SECOND, SECOND // 100) for copy in timeline.due(now)]
    assert [copy.span.id for _, copy in told if not copy.ended] == [spans[-1].id, *(span.id for span in spans[:-1])]
    assert sorted(copy.span.id for _, copy in told if copy.ended) == sorted(span.id for span in spans)
    for now, copy in told:
        happens = copy.span.end if copy.ended else copy.span.start
        assert happens <= now < happens + SECOND // 100
    assert timeline.close(begin + 5 * SECOND) == []


def test_what_is_open_when_an_agent_ends_ends_with_it_and_what_has_not_started_never_does() -> None:
    timeline, begin = Timeline(), 1_800_000_000 * SECOND
    timeline.begin(turn(Random(3), 1_700_000_000 * SECOND), begin)
    now = begin + SECOND // 2
    told = timeline.due(now)
    opened = {copy.span.id for copy in told if not copy.ended} - {copy.span.id for copy in told if copy.ended}
    closed = timeline.close(now)
    assert opened and {copy.span.id for copy in closed} == opened
    assert all(copy.ended and copy.span.end == now for copy in closed)
    assert timeline.due(begin + 9 * SECOND) == []


def test_a_long_temporary_directory_still_leaves_room_for_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with scene.directory() as directory:
        assert len(f"{directory}/inspan.sock") <= 107
