"""What a span of our own JSON becomes for AgentEx, and what of it a change says."""

import json
from typing import Any

import pytest

from inspan_collector.exporters.agentex_span import change, creation, id_of, is_open, probe, read

START, END = "2026-11-21T01:09:41.674752+00:00", "2026-11-21T01:09:42Z"
NULLS = dict.fromkeys(("data", "end_time", "input", "output", "parent_id", "task_id"))


def span(**members: Any) -> bytes:
    return json.dumps({"id": "s", "trace_id": "t", "name": "n", "start_timestamp": START, **members}).encode()


def created(**members: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(creation(span(**members)))
    return found


def changed(**members: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(change(read(creation(span(**members)))))
    return found


def test_every_member_has_the_name_that_agentex_gives_it() -> None:
    given = {"parent_id": "p", "group_id": "g", "input": {"i": [1, "ü"]}, "output": [{"o": None}], "metadata": {"m": 1}}
    assert created(**given, end_timestamp=END) == {
        "id": "s",
        "trace_id": "t",
        "name": "n",
        "start_time": START,
        "end_time": END,
        "parent_id": "p",
        "task_id": "g",
        "input": {"i": [1, "ü"]},
        "output": [{"o": None}],
        "data": {"m": 1},
    }


def test_what_is_not_there_is_null_in_the_order_of_the_sdk() -> None:
    body = creation(span())
    assert json.loads(body) == {"id": "s", "trace_id": "t", "name": "n", "start_time": START, **NULLS}
    order = ["name", "start_time", "trace_id", "id", "data", "end_time", "input", "output", "parent_id", "task_id"]
    assert list(json.loads(body)) == order


def test_values_are_the_bytes_that_came() -> None:
    given = (
        b'{"id":"s","trace_id":"t","input":{"n": 1.50, "big": 123456789012345678901234567890, "u": "\\u00fc"},"x":1}'
    )
    assert b'"input":{"n": 1.50, "big": 123456789012345678901234567890, "u": "\\u00fc"}' in creation(given)


def test_members_that_agentex_does_not_know_are_left_out() -> None:
    assert created(expected={"a": 1}, application_variant_id="v", status="SUCCESS").keys() == created().keys()


ERROR = {"error": True, "error_type": "ValueError", "error_message": "no", "error_category": "application"}


@pytest.mark.parametrize(
    ("members", "data"),
    [
        ({"status": "ERROR", "metadata": ERROR}, ("ValueError", "no", "application")),
        ({"status": "ERROR", "metadata": {"error_message": "no"}}, ("ERROR", "no", "unknown")),
        ({"status": "ERROR", "metadata": {"error_type": None, "m": 1}}, ("ERROR", "", "unknown")),
        ({"status": "ERROR"}, ("ERROR", "", "unknown")),
    ],
)
def test_an_error_is_said_in_data(members: dict[str, Any], data: tuple[str, str, str]) -> None:
    error = dict(zip(("type", "message", "category"), data, strict=True))
    assert created(**members)["data"] == members.get("metadata", {}) | {"__error__": error}


def test_what_data_says_itself_stays() -> None:
    own = {"__error__": {"type": "T"}, "__span_type__": "AGENT", "obs_trace_id": "a", "obs_span_id": "b", **ERROR}
    more = {"type": "COMPLETION", "obs_trace_id": "c", "obs_span_id": "d"}
    assert created(status="ERROR", metadata=own, **more)["data"] == own


def test_a_type_and_the_ids_of_another_trace_are_said_in_data() -> None:
    more = {"type": "COMPLETION", "obs_trace_id": "c", "obs_span_id": "d"}
    expected = {"__span_type__": "COMPLETION", "obs_trace_id": "c", "obs_span_id": "d"}
    assert created(**more)["data"] == expected
    assert created(metadata={"m": 1}, **more)["data"] == {"m": 1, **expected}


@pytest.mark.parametrize("metadata", [[{"a": 1}], "text", 1])
def test_metadata_that_is_no_object_stays_as_it_is(metadata: Any) -> None:
    assert created(metadata=metadata, type="COMPLETION", status="ERROR")["data"] == metadata


def test_a_list_that_is_wrapped_for_sgp_is_a_list_again() -> None:
    listed: list[dict[str, Any]] = [{"a": 1}, {"b": [2]}]
    wrapped = {"value": listed}
    body = json.dumps(
        {"id": "s", "trace_id": "t", "input": wrapped, "output": wrapped, "metadata": wrapped, "type": "STANDALONE"},
        separators=(",", ":"),
    )
    found = json.loads(creation(body.encode()))
    assert (found["input"], found["output"], found["data"]) == (listed, listed, listed)


@pytest.mark.parametrize("value", [{"value": [1]}, {"value": [{}], "more": 1}, {"value": {}}, {"value": [[]]}])
def test_an_object_that_only_looks_like_it_stays(value: dict[str, Any]) -> None:
    body = json.dumps({"id": "s", "trace_id": "t", "input": value, "metadata": value}, separators=(",", ":"))
    found = json.loads(creation(body.encode()))
    assert (found["input"], found["data"]) == (value, value)


def test_a_change_says_what_is_set_and_neither_the_id_nor_the_trace() -> None:
    assert changed(input={"i": 1}, parent_id=None) == {"name": "n", "start_time": START, "input": {"i": 1}}
    assert changed(end_timestamp=END, output={"o": 1}, group_id="g", metadata={"m": 1}) == {
        "name": "n",
        "start_time": START,
        "end_time": END,
        "output": {"o": 1},
        "task_id": "g",
        "data": {"m": 1},
    }


def test_an_end_without_an_output_empties_what_is_there() -> None:
    assert changed(end_timestamp=END)["output"] == {}
    assert changed(end_timestamp=END, output=None)["output"] == {}
    assert changed(end_timestamp=END, output=[{"o": 1}])["output"] == [{"o": 1}]
    assert "output" not in changed()


def test_a_list_in_data_is_not_changed() -> None:
    assert "data" not in changed(metadata=[{"a": 1}])


def test_a_probe_says_the_name_and_nothing_else() -> None:
    probed = probe(read(creation(span(end_timestamp=END, input={"i": 1}))))
    assert probed is not None
    assert json.loads(probed) == {"name": "n"}
    assert probe(read(creation(span(name=None)))) is None


@pytest.mark.parametrize(
    ("end", "ended"), [({}, False), ({"end_timestamp": None}, False), ({"end_timestamp": END}, True)]
)
def test_a_creation_knows_whether_its_span_has_ended(end: dict[str, Any], ended: bool) -> None:
    assert read(creation(span(**end))).ended == ended


def test_an_id_with_escapes_is_read_as_text() -> None:
    assert id_of(read(creation(b'{"id":"a\\u00fc\\n","trace_id":"t"}'))) == "aü\n"


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"end_time":"x"}', b'{"end_time":null', b"\xff", b"[" * 9000])
def test_only_an_answer_that_says_so_is_of_an_open_span(answer: bytes) -> None:
    assert not is_open(answer)
    assert is_open(b'{"end_time":null,"input":{}}')


@pytest.mark.parametrize(
    ("value", "there"),
    [
        (b'{"value":[{"a": 1},{}]}', [{"a": 1}, {}]),
        (b'{"value":[{"a":1},2]}', {"value": [{"a": 1}, 2]}),
        (b'{"value":[{"a":1}],"x":1}', {"value": [{"a": 1}], "x": 1}),
        (b'{"value":[]}', []),
        (b'{"value":"text"}', {"value": "text"}),
    ],
)
def test_an_array_of_objects_that_sgp_has_in_an_object_is_one_again(value: bytes, there: Any) -> None:
    given = b'{"id":"a","trace_id":"t","type":"STANDALONE","input":%b,"output":%b,"metadata":%b}' % ((value,) * 3)
    made = json.loads(creation(given))
    assert made["input"] == made["output"] == made["data"] == there


def test_a_type_that_only_says_that_there_is_none_is_left_out() -> None:
    assert created(type="STANDALONE", metadata={"a": 1})["data"] == {"a": 1}
