"""One span of our JSON as one of OTLP, member by member."""

import json
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.collector.translate.rig import all_spans, attributes, decoded, one, text

from inspan_collector.translate.ids import span_id, trace_id
from inspan_collector.translate.kinds import KINDS

SGP_TYPES = {
    *("TEXT_INPUT", "TEXT_OUTPUT", "COMPLETION_INPUT", "COMPLETION", "KB_RETRIEVAL", "KB_INPUT", "RERANKING"),
    *("EXTERNAL_ENDPOINT", "PROMPT_ENGINEERING", "DOCUMENT_INPUT", "MAP_REDUCE", "DOCUMENT_SEARCH", "DOCUMENT_PROMPT"),
    *("CUSTOM", "CODE_EXECUTION", "DATA_MANIPULATION", "EVALUATION", "FILE_RETRIEVAL", "KB_ADD_CHUNK", "KB_MANAGEMENT"),
    *("GUARDRAIL", "OUTPUT_GUARDRAIL", "TRACER", "AGENT_TRACER", "AGENT_WORKFLOW", "STANDALONE"),
}
OPENINFERENCE = {
    *("LLM", "EMBEDDING", "CHAIN", "RETRIEVER", "RERANKER", "TOOL", "AGENT", "GUARDRAIL", "EVALUATOR", "PROMPT")
}


def test_the_least_that_a_span_can_be_becomes_a_span() -> None:
    span = one()
    assert (span.trace_id, span.span_id, span.parent_span_id) == (trace_id("t1"), span_id("s1"), b"")
    assert (span.name, span.kind, span.status.code, span.status.message) == ("span", Span.SPAN_KIND_INTERNAL, 0, "")
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1767225600 * 10**9, 1767225601 * 10**9)
    assert attributes(span) == {
        "openinference.span.kind": "UNKNOWN",
        "inspan.trace_id": "t1",
        "inspan.span_id": "s1",
    }


def test_ids_that_otlp_can_hold_are_not_kept_a_second_time() -> None:
    span = one(id="eee19b7ec3c1b174", trace_id="5b8efff798038103a269b633813fc60c", parent_id="eee19b7ec3c1b175")
    assert span.trace_id.hex() == "5b8efff798038103a269b633813fc60c"
    assert (span.span_id.hex(), span.parent_span_id.hex()) == ("eee19b7ec3c1b174", "eee19b7ec3c1b175")
    assert not any(key.startswith("inspan.") for key in attributes(span))


@pytest.mark.parametrize("own", ["s1", "eee19b7ec3c1b174", "EEE19B7EC3C1B174", "0" * 16, "5b8efff7-9803-4103-a269-0"])
def test_a_child_finds_its_parent_whatever_the_id_looks_like(own: str) -> None:
    parent, child = all_spans(decoded(text(id=own), text(id="child", parent_id=own)))
    assert child.parent_span_id == parent.span_id
    assert attributes(child).get("inspan.parent_id") == attributes(parent).get("inspan.span_id")


@pytest.mark.parametrize("parent", [None, ""])
def test_without_a_parent_it_is_a_root(parent: str | None) -> None:
    assert one(parent_id=parent).parent_span_id == b""


def test_input_output_and_metadata_are_the_text_that_came() -> None:
    raw = b'{ "n" : 1.10e+3, "big": 123456789012345678901234567890, "a":1, "a":2,"u":"\\u00e9 \xc3\xa9 \\ud83d\\ude00"}'
    body = b'{"input": %b, "output":%b,"metadata" : %b,%b' % (raw, raw, raw, text()[1:])
    (span,) = all_spans(decoded(body))
    found = attributes(span)
    assert found["input.value"] == found["output.value"] == found["metadata"] == raw.decode()
    assert found["input.mime_type"] == found["output.mime_type"] == "application/json"


@pytest.mark.parametrize("value", ["text", 5, 1.5, True, [], [{"role": "user"}], {}])
def test_an_input_may_be_any_json(value: Any) -> None:
    assert json.loads(str(attributes(one(input=value))["input.value"])) == value
    assert "output.value" not in attributes(one(input=value))


def test_every_type_of_sgp_has_a_kind_that_openinference_knows() -> None:
    assert KINDS.keys() >= SGP_TYPES
    assert {kind.openinference for kind in KINDS.values()} == OPENINFERENCE
    assert KINDS.keys() >= OPENINFERENCE


@pytest.mark.parametrize(
    ("named", "kind", "operation", "of_span"),
    [
        ("COMPLETION", "LLM", "chat", Span.SPAN_KIND_CLIENT),
        ("completion", "LLM", "chat", Span.SPAN_KIND_CLIENT),
        ("EMBEDDING", "EMBEDDING", "embeddings", Span.SPAN_KIND_CLIENT),
        ("KB_RETRIEVAL", "RETRIEVER", "retrieval", Span.SPAN_KIND_CLIENT),
        ("FILE_RETRIEVAL", "RETRIEVER", None, Span.SPAN_KIND_INTERNAL),
        ("TOOL", "TOOL", "execute_tool", Span.SPAN_KIND_INTERNAL),
        ("EXTERNAL_ENDPOINT", "TOOL", None, Span.SPAN_KIND_CLIENT),
        ("AGENT_TRACER", "AGENT", "invoke_agent", Span.SPAN_KIND_INTERNAL),
        ("AGENT_WORKFLOW", "AGENT", "invoke_workflow", Span.SPAN_KIND_INTERNAL),
        ("STANDALONE", "CHAIN", None, Span.SPAN_KIND_INTERNAL),
        ("of our own", "UNKNOWN", None, Span.SPAN_KIND_INTERNAL),
    ],
)
def test_a_type_is_said_in_three_tongues(named: str, kind: str, operation: str | None, of_span: int) -> None:
    span = one(type=named)
    found = attributes(span)
    assert (found["openinference.span.kind"], found.get("gen_ai.operation.name"), span.kind) == (
        kind,
        operation,
        of_span,
    )
    assert found["inspan.type"] == named
    assert span.name == named  # it has no other


def test_the_agent_is_the_service_and_an_agent() -> None:
    metadata = {"__agent_name__": "writer", "__agent_id__": "ag1", "__agent_version__": "1.2"}
    request = decoded(text(type="AGENT", metadata=metadata))
    assert attributes(request.resource_spans[0].resource) == {"service.name": "writer", "service.version": "1.2"}
    found = attributes(all_spans(request)[0])
    assert (found["gen_ai.agent.name"], found["gen_ai.agent.id"], found["gen_ai.agent.version"]) == (
        "writer",
        "ag1",
        "1.2",
    )
    assert found["agent.name"] == "writer"
    assert "agent.name" not in attributes(one(type="TOOL", metadata=metadata))  # it is not the agent, but of it
    assert json.loads(str(found["metadata"])) == metadata


def test_data_is_what_agentex_calls_metadata() -> None:
    data = {"__agent_name__": "writer"}
    assert attributes(one(data=data))["metadata"] == json.dumps(data)
    assert attributes(one(data=data, metadata=None))["metadata"] == json.dumps(data)
    both = attributes(one(data=data, metadata={}))
    assert (both["metadata"], json.loads(str(both["inspan.other"]))) == ("{}", {"data": data})


def test_a_group_is_a_session() -> None:
    found = attributes(one(group_id="g1"))
    assert (found["session.id"], found["inspan.group_id"]) == ("g1", "g1")


def test_what_otlp_has_no_word_for_is_kept() -> None:
    members = {
        "obs_trace_id": "5b8efff798038103a269b633813fc60c",
        "obs_span_id": "eee19b7ec3c1b174",
        "expected": {"ok": [1]},
        "application_interaction_id": "i",
        "application_variant_id": 7,
        "task_id": "t",
    }
    found = attributes(one(**members, surprise=[1, None], nothing=None))
    assert {key: found[f"inspan.{key}"] for key in members} == {
        **{key: str(value) for key, value in members.items()},
        "expected": '{"ok": [1]}',
    }
    assert json.loads(str(found["inspan.other"])) == {"surprise": [1, None]}


@pytest.mark.parametrize("wrong", [5, True, ["x"], {"x": 1}])
def test_a_member_of_the_wrong_type_is_no_member_and_is_kept(wrong: Any) -> None:
    span = one(name=wrong, type=wrong, status=wrong, metadata=wrong)
    found = attributes(span)
    assert (span.name, span.status.code, found["openinference.span.kind"]) == ("span", 0, "UNKNOWN")
    assert json.loads(str(found["inspan.other"])) == {"name": wrong, "type": wrong, "status": wrong}
    assert json.loads(str(found["metadata"])) == wrong


def test_a_name_or_a_type_without_a_letter_is_none() -> None:
    assert one(name="", type="TOOL").name == "TOOL"
    assert one(name="", type="").name == "span"
