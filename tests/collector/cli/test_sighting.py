"""What is read of spans that passed; and that nothing in them keeps the command from going on."""

import json
import random
from typing import Any

import pytest
from tests.collector.formats.otlp_samples import request
from tests.faults.mutants import odd_body

from inspan_collector.cli.passing import SHOWN, lines
from inspan_collector.cli.sighted import Part, Sighting
from inspan_collector.cli.sighting import sightings
from inspan_collector.cli.tap import as_json
from inspan_collector.formats import FORMATS
from inspan_collector.screen.paint import Paint

START, END = "2026-01-01T00:00:00Z", "2026-01-01T00:00:02.5Z"
IDS = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}
TOLD = {"at": 0.0, "dialect": "otlp", "format": "otlp_json", "agent": "pid 7", "service": "", "spans": 1}
TRICKS = ("", "\x1b]0;title\x07", "\x9b31m", "a\rb\nc\td\x7f", "\u202egnp.exe", "\u2028\U000e0041")
ODD = 400  # inputs: a second


def one(format: str, body: bytes) -> Sighting:
    (found,) = sightings(format, body, 1, random.Random(0))
    return found


def span(**members: Any) -> bytes:
    return json.dumps([{"trace_id": "t", "id": "s"} | members]).encode()


def otlp(**members: Any) -> bytes:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [IDS | members]}]}]}).encode()


def shown(sighting: Sighting, *, values: bool) -> str:
    return "\n".join(lines(TOLD, sighting, Paint(on=False), values=values))


def test_a_span_of_our_own_json_is_read_with_the_members_of_its_objects_by_themselves() -> None:
    found = one(
        "span_json",
        span(name="llm.chat", parent_id="p", start_timestamp=START, end_timestamp=END, status="SUCCESS",
             input={"prompt": "hi", "n": 3}, output={}, type="COMPLETION", metadata=None),
    )  # fmt: skip
    assert (found.name, found.trace_id, found.id, found.parent_id) == ("llm.chat", "t", "s", "p")
    assert found.status == "OK"
    assert found.end is not None
    assert found.start is not None
    assert found.end - found.start == 2.5
    assert found.parts == [
        Part("input.prompt", "text", 2, "hi"),
        Part("input.n", "number", 1, 3),
        Part("output", "object", 2, {}),
        Part("type", "text", 10, "COMPLETION"),
    ]


def test_a_span_of_otlp_is_read_alike_from_json_and_from_protobuf() -> None:
    attributes = [
        {"key": "text", "value": {"stringValue": "hello"}},
        {"key": "count", "value": {"intValue": "42"}},
        {"key": "list", "value": {"arrayValue": {"values": [{"boolValue": True}, {"doubleValue": 0.5}]}}},
        {"key": "object", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}}},
    ]
    body = otlp(
        name="agent.turn", startTimeUnixNano="1735689600000000000", endTimeUnixNano="1735689600250000000",
        attributes=attributes, status={"code": 2, "message": "secret"}, events=[{"name": "e"}],
    )  # fmt: skip
    found = one("otlp_json", body)
    assert (found.name, found.resource, found.status) == ("agent.turn", "shop", "ERROR")
    assert [(part.key, part.value) for part in found.parts[:4]] == [
        ("text", "hello"),
        ("count", 42),
        ("list", [True, 0.5]),
        ("object", {"k": "v"}),
    ]
    from google.protobuf.json_format import ParseDict

    from inspan_collector.formats import otlp_schema

    tree = json.loads(body)
    (sent,) = tree["resourceSpans"][0]["scopeSpans"][0]["spans"]
    ids = {name: sent.pop(name) for name in IDS}
    message = ParseDict(tree, otlp_schema._classes()["ExportTraceServiceRequest"]())
    (made,) = message.resource_spans[0].scope_spans[0].spans
    made.trace_id, made.span_id = bytes.fromhex(ids["traceId"]), bytes.fromhex(ids["spanId"])
    again = one("otlp_protobuf", message.SerializeToString())
    same = ("name", "trace_id", "id", "start", "end", "status", "resource")
    assert [getattr(again, name) for name in same] == [getattr(found, name) for name in same]
    assert list(again.parts)[:4] == list(found.parts)[:4]


def test_no_value_is_shown_unless_it_is_asked_for() -> None:
    secret = {"name": "named", "input": {"key": "hunter2", "more": ["hunter2"]}, "type": "hunter2", "status": "hunter2"}
    ours = one("span_json", span(**secret))
    theirs = one("otlp_json", otlp(
        attributes=[{"key": "password", "value": {"stringValue": "hunter2"}}], status={"message": "hunter2"},
        traceState="hunter2", events=[{"name": "hunter2"}], links=[{"traceState": "hunter2"}],
    ))  # fmt: skip
    for found in (ours, theirs):
        assert "hunter2" not in shown(found, values=False)
        assert "hunter2" not in json.dumps(as_json(TOLD, found, values=False))
        assert "hunter2" in shown(found, values=True)
        assert "hunter2" in json.dumps(as_json(TOLD, found, values=True))
    assert "named" in shown(ours, values=False)
    assert "password" in shown(theirs, values=False)


def test_some_spans_of_a_post_are_chosen_and_keep_their_order(rng: random.Random) -> None:
    body = json.dumps([{"trace_id": "t", "id": str(number)} for number in range(100)]).encode()
    found = [int(each.id) for each in sightings("span_json", body, 7, rng)]
    assert found == sorted(found)
    assert len(set(found)) == 7
    assert len(sightings("span_json", body, 1000, rng)) == 100


def test_of_a_span_that_says_much_the_first_lines_are_shown_and_the_rest_is_counted() -> None:
    text = shown(one("span_json", span(input={str(number): number for number in range(40)})), values=False)
    assert len(text.splitlines()) == 2 + SHOWN + 1
    assert "and 28 more" in text


@pytest.mark.parametrize("values", [True, False])
def test_no_line_is_wider_than_the_terminal(values: bool) -> None:
    found = one("span_json", span(name="n" * 99, parent_id="p" * 99, input={"k" * 99: "v" * 99, "o": {"a": [1] * 99}}))
    for each in (found, Sighting(9, odd="o" * 99)):
        made = list(lines(TOLD | {"agent": "a" * 99}, each, Paint(on=False), values=values, columns=40))
        assert max(map(len, made)) == 40


@pytest.mark.parametrize("trick", TRICKS)
def test_what_would_speak_to_the_terminal_is_escaped(trick: str) -> None:
    found = one("span_json", span(name=trick, parent_id=trick, input={trick: trick}, **{trick or "x": trick}))
    for values in (True, False):
        for line in lines(TOLD | {"agent": trick, "service": trick}, found, Paint(on=False), values=values):
            assert line.isprintable()


@pytest.mark.parametrize("format", [*FORMATS, "another"])
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'{"resourceSpans": 3}', b"\xff", b"[" * 900])
def test_what_cannot_be_read_is_shown_as_so_many_bytes(format: str, body: bytes) -> None:
    for found in sightings(format, body, 3, random.Random(0)):
        assert found.odd
        assert f"{len(body)} B" in shown(found, values=True)


def test_a_span_that_cannot_be_read_does_not_hide_its_neighbours() -> None:
    body = b'[{"trace_id":"t","id":"1","input":{"n":1e999}},{"trace_id":"t","id":"2"},null]'
    first, second, third = sightings("span_json", body, 3, random.Random(0))
    assert first.odd
    assert second.id == "2"
    assert third.odd


def odd_json(rng: random.Random, depth: int = 0) -> Any:
    """Anything that JSON can say, in places where something else is expected."""
    match rng.randrange(9 if depth < 4 else 6):
        case 0:
            return rng.choice([None, True, False, 0, -1, 1 << 64, 10**30, 1e300, 0.1])
        case 1 | 2:
            return rng.choice(["", "1735689600000000000", "9" * 400, "-5", "\x1b[2J", "STATUS_CODE_OK", "é" * 9])
        case 3:
            return [odd_json(rng, depth + 1) for _ in range(rng.randrange(3))]
        case _:
            names = ("stringValue", "intValue", "arrayValue", "kvlistValue", "values", "key", "value", "code", "name")
            return {rng.choice(names): odd_json(rng, depth + 1) for _ in range(rng.randrange(4))}


OTLP = ("name", "parentSpanId", "startTimeUnixNano", "endTimeUnixNano", "attributes", "status", "events", "links")
OURS = ("name", "parent_id", "start_timestamp", "end_timestamp", "status", "input", "output", "metadata", "type")


def broken(rng: random.Random, body: bytes) -> bytes:
    """With a byte that is another, or cut."""
    at = rng.randrange(max(1, len(body)))
    return body[:at] if rng.random() < 0.3 else body[:at] + bytes([rng.randrange(256)]) + body[at + 1 :]


def test_no_odd_span_keeps_the_command_from_going_on(rng: random.Random) -> None:
    for _ in range(ODD):
        strange = {name: odd_json(rng) for name in OTLP if rng.random() < 0.7}
        strange_attributes = {"attributes": [{"key": odd_json(rng), "value": odd_json(rng)}, odd_json(rng)]}
        resource = odd_json(rng)
        spans = {"spans": [IDS | strange, IDS | strange_attributes]}
        bodies = {
            "otlp_json": json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [spans]}]}).encode(),
            "span_json": span(**{name: odd_json(rng) for name in OURS if rng.random() < 0.7}),
            "otlp_protobuf": request(rng).SerializeToString(),
        }
        for format, body in bodies.items():
            for tried in (body, odd_body(rng, format), broken(rng, body)):
                for found in sightings(format, tried, 3, rng):
                    assert all(line.isprintable() for line in shown(found, values=True).split("\n"))
                    json.dumps(as_json(TOLD, found, values=True))
