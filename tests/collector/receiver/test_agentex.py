"""AgentEx's dialect without a socket: what becomes of a span, and of its changes."""

import json
from typing import Any

import pytest

from inspan_collector.errors import MalformedChunk
from inspan_collector.formats import FORMATS
from inspan_collector.receiver.dialects import NAMES, Reading, Refusal, agentex, below, refusing

START, END = "2026-11-21T01:09:41.674752+00:00", "2026-11-21T01:09:42Z"
LEAST = {"id": "s1", "trace_id": "t1", "name": "llm", "start_time": START}
# As the SDK posts it: every member, null where nothing is known.
WHOLE = dict.fromkeys(("task_id", "parent_id", "end_time", "input", "output", "data")) | LEAST
SOURCE = {"__source__": "agentex"}


def text(**members: Any) -> bytes:
    return json.dumps(members).encode()


def posted(**members: Any) -> Reading:
    return agentex.read("application/json", text(**(WHOLE | members)))


def copy_of(reading: Reading) -> dict[str, Any]:
    """The one span that goes on, in SGP's names."""
    (copy,) = json.loads(reading.body)
    assert isinstance(copy, dict)
    return copy


def patched(known: Reading | None, **members: Any) -> Reading:
    return agentex.read_update(text(**members), "s1", None if known is None else known.span)


# What goes on


def test_a_span_goes_on_in_sgps_names_and_what_is_null_is_left_out() -> None:
    reading = posted()
    assert copy_of(reading) == {
        "id": "s1",
        "trace_id": "t1",
        "name": "llm",
        "start_timestamp": START,
        "type": "STANDALONE",
        "metadata": SOURCE,
    }
    assert (reading.format, reading.scan.spans, reading.scan.unended) == ("span_json", 1, 1)


def test_every_member_has_its_name_there() -> None:
    more = {"end_time": END, "parent_id": "p", "task_id": "g", "input": {"i": [1, None]}, "output": {"o": "☃"}}
    assert copy_of(posted(data={"k": 2.50}, **more)) == {
        "id": "s1",
        "trace_id": "t1",
        "name": "llm",
        "start_timestamp": START,
        "end_timestamp": END,
        "parent_id": "p",
        "group_id": "g",
        "input": {"i": [1, None]},
        "output": {"o": "☃"},
        "type": "STANDALONE",
        "status": "SUCCESS",
        "metadata": {"k": 2.5} | SOURCE,
    }


def test_what_is_known_of_it_is_what_a_scan_of_it_finds() -> None:
    for more in ({}, {"end_time": END, "parent_id": "p", "data": {"__error__": {}}}):
        reading = posted(**more)
        assert reading.scan == FORMATS["span_json"].scan(reading.body)


def test_values_stay_as_they_were_written() -> None:
    odd = b'{"a":  1e400 ,"b":[ 12345678901234567890123, "\\u2603" ],"c":{"d" : -0}}'
    body = text(**WHOLE).replace(b'"input": null', b'"input": %b' % odd)
    for written in (agentex.read("", body).body, agentex.read("", body).span):
        assert b'"a":1e400,"b":[ 12345678901234567890123, "\\u2603" ],"c":{"d" : -0}' in written


@pytest.mark.parametrize(
    ("data", "type_", "status", "metadata"),
    [
        (None, "STANDALONE", "SUCCESS", SOURCE),
        ({}, "STANDALONE", "SUCCESS", SOURCE),
        ({"__span_type__": "COMPLETION"}, "COMPLETION", "SUCCESS", {"__span_type__": "COMPLETION"} | SOURCE),
        ({"__span_type__": 5}, "STANDALONE", "SUCCESS", {"__span_type__": 5} | SOURCE),
        ({"__error__": "no object"}, "STANDALONE", "SUCCESS", {"__error__": "no object"} | SOURCE),
        ({"__source__": "mine"}, "STANDALONE", "SUCCESS", SOURCE),
        ([{"a": 1}], "STANDALONE", "SUCCESS", {"value": [{"a": 1}]}),
        ([], "STANDALONE", "SUCCESS", {}),
        (
            {"__error__": {"type": "T", "message": "M", "category": "platform"}},
            "STANDALONE",
            "ERROR",
            {
                "__error__": {"type": "T", "message": "M", "category": "platform"},
                "error": True,
                "error_type": "T",
                "error_message": "M",
                "error_category": "platform",
            }
            | SOURCE,
        ),
        (
            {"__error__": {"message": ""}},
            "STANDALONE",
            "ERROR",
            {
                "__error__": {"message": ""},
                "error": True,
                "error_type": None,
                "error_message": None,
                "error_category": "unknown",
            }
            | SOURCE,
        ),
    ],
)
def test_data_says_the_type_the_status_and_what_went_wrong(
    data: Any, type_: str, status: str, metadata: dict[str, Any]
) -> None:
    copy = copy_of(posted(data=data, end_time=END))
    assert (copy["type"], copy["status"], copy["metadata"]) == (type_, status, metadata)


def test_a_span_that_runs_has_no_status_unless_it_has_failed() -> None:
    assert "status" not in copy_of(posted())
    assert copy_of(posted(data={"__error__": {"type": "T"}}))["status"] == "ERROR"


def test_arrays_stand_in_an_object_which_is_all_that_sgp_takes() -> None:
    copy = copy_of(posted(input=[{"a": 1}, {}], output=[]))
    assert (copy["input"], copy["output"]) == ({"value": [{"a": 1}, {}]}, {})


# What is answered


def test_the_answer_is_the_span_with_every_member() -> None:
    more = {"input": [{"a": 1}], "data": {"__span_type__": "X"}, "task_id": "g", "unknown": 1}
    status, content_type, body = agentex.success("", posted(**more), 0, "")
    del more["unknown"]
    assert (status, content_type, json.loads(body)) == (200, "application/json", WHOLE | more)


def test_a_span_without_an_id_is_given_one() -> None:
    for body in (text(**(WHOLE | {"id": None})), text(**{k: v for k, v in LEAST.items() if k != "id"})):
        reading = agentex.read("", body, lambda: "new")
        assert (copy_of(reading)["id"], json.loads(reading.span)["id"]) == ("new", "new")


def test_a_refusal_has_the_servers_shape() -> None:
    _, body = agentex.failure("", Refusal(422, "malformed", "what to do"))
    assert json.loads(body) == {"status_code": 10422, "message": "what to do", "data": None}
    _, body = agentex.failure("", Refusal(429, "queue_full", "what to do"))
    assert json.loads(body) == {"message": "what to do", "code": 429, "data": None}


MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "an array": b"[]",
    "no name": text(id="s", trace_id="t", start_time=START),
    "no trace_id": text(id="s", name="n", start_time=START),
    "no start_time": text(id="s", name="n", trace_id="t"),
    "a null name": text(**(WHOLE | {"name": None})),
    "an empty id": text(**(WHOLE | {"id": ""})),
    "an empty trace_id": text(**(WHOLE | {"trace_id": ""})),
    "an id that is a number": text(**(WHOLE | {"id": 5})),
    "a time that is none": text(**(WHOLE | {"start_time": "yesterday"})),
    "an end that is none": text(**(WHOLE | {"end_time": ""})),
    "a time that is a number": text(**(WHOLE | {"start_time": 5})),
    "input that is text": text(**(WHOLE | {"input": "x"})),
    "an array of numbers": text(**(WHOLE | {"data": [1]})),
    "invalid UTF-8": text(**WHOLE).replace(b"llm", b"l\xffm"),
    "nested too deep": b'{"input":' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    "half a surrogate as type": text(**(WHOLE | {"data": {"__span_type__": "\ud800"}})),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_the_server_would_not_take_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedChunk):
        agentex.read("", body)
    assert agentex.malformed == 422


def test_a_wrong_time_is_named_with_its_place() -> None:
    body = text(**(LEAST | {"start_time": "yesterday"}))
    with pytest.raises(MalformedChunk, match="start_time: not a time") as caught:
        agentex.read("", body)
    assert body[caught.value.position :].startswith(b'"yesterday"')


def test_a_byte_that_is_no_text_is_named_with_its_place_in_what_was_sent() -> None:
    body = text(**(LEAST | {"input": {"a": "x"}})).replace(b'"x"', b'"\xff"')
    with pytest.raises(MalformedChunk, match="not UTF-8") as caught:
        agentex.read("", body)
    assert caught.value.position == body.index(b"\xff")


# Changes


def test_a_change_takes_the_place_of_what_it_names_and_the_rest_stays() -> None:
    known = posted(input={"a": 1}, output={"o": 1}, parent_id="p", data={"x": 1, "y": {"deep": 1}})
    after = json.loads(patched(known, end_time=END, output={"b": 2}, data={"y": {}, "z": 3}).span)
    changed = {"end_time": END, "output": {"b": 2}, "data": {"x": 1, "y": {}, "z": 3}}
    assert after == WHOLE | {"input": {"a": 1}, "parent_id": "p"} | changed


def test_the_whole_span_goes_on_with_its_inputs() -> None:
    known = posted(input={"a": 1}, data={"__span_type__": "COMPLETION"})
    copy = copy_of(patched(known, end_time=END, data={"__error__": {"type": "T"}}))
    assert (copy["input"], copy["end_timestamp"], copy["status"]) == ({"a": 1}, END, "ERROR")
    assert (copy["type"], copy["metadata"]["error_type"]) == ("COMPLETION", "T")


def test_null_changes_nothing() -> None:
    known = posted(input={"a": 1}, end_time=END, data={"x": 1})
    assert patched(known, **dict.fromkeys(WHOLE)).span == known.span


@pytest.mark.parametrize(("before", "change"), [([{"a": 1}], {"b": 2}), ({"a": 1}, [{"b": 2}]), (None, {"b": 2})])
def test_data_of_another_shape_is_replaced(before: Any, change: Any) -> None:
    assert json.loads(patched(posted(data=before), data=change).span)["data"] == change


def test_the_id_of_a_change_is_that_of_its_path() -> None:
    assert json.loads(patched(posted(), id="other", name="n").span) == WHOLE | {"name": "n"}
    whole = patched(None, **(LEAST | {"id": "other"}))
    assert json.loads(whole.span) == WHOLE


def test_a_change_of_an_unknown_span_that_says_all_of_it_makes_it() -> None:
    more = {"end_time": END, "output": {"b": 2}}
    assert json.loads(patched(None, trace_id="t1", name="llm", start_time=START, **more).span) == WHOLE | more


@pytest.mark.parametrize("missing", ["trace_id", "name", "start_time"])
def test_a_change_of_an_unknown_span_that_says_less_is_refused(missing: str) -> None:
    with pytest.raises(agentex.UnknownSpan, match="send it whole"):
        patched(None, **{name: value for name, value in LEAST.items() if name != missing})


# Paths


@pytest.mark.parametrize(
    ("path", "span_id"),
    [
        ("/spans/s1", "s1"),
        ("/spans/a%2Fb%20c", "a/b c"),
        ("/spans/%E2%98%83", "☃"),
        ("/spans/\xe2\x98\x83", "☃"),  # as a head has bytes that should have been escaped
        ("/spans", None),
        ("/spans/", None),
        ("/spans/s1/more", None),
        ("/spansx", None),
        ("/v1/spans", None),
    ],
)
def test_a_path_below_names_one_span(path: str, span_id: str | None) -> None:
    assert agentex.span_of(path) == span_id
    assert below(path) is (None if span_id is None else agentex)


def test_its_refusals_are_its_own_on_both_paths() -> None:
    assert refusing("/spans") is refusing("/spans/s1") is agentex
    assert "agentex" in NAMES
