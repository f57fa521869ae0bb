"""Whatever a span says: it is translated, or the error names what is missing, and nothing else happens."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.collector.translate.rig import MINIMAL, all_spans, attributes, decoded, text

from inspan import __version__
from inspan_collector import translate
from inspan_collector.errors import MalformedChunk, Untranslatable
from inspan_collector.formats import otlp_protobuf, span_json
from inspan_collector.translate.body import SLICE_BYTES, SLICE_SPANS
from inspan_collector.translate.ids import span_id, trace_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
KEYS = st.sampled_from(
    [
        *("name", "type", "status", "input", "output", "metadata", "data", "group_id", "expected", "task_id"),
        *("obs_trace_id", "obs_span_id", "application_variant_id", "model", "usage", "something"),
        *("__agent_name__", "__agent_id__", "__agent_version__", "__error__", "error_type", "error_message", "message"),
        *("prompt_tokens", "input_tokens", "cache_read_input_tokens", "prompt_tokens_details", "cached_tokens"),
    ]
)
ODD = st.recursive(
    LEAF | st.sampled_from(["COMPLETION", "ERROR", "SUCCESS", "CANCELED", "AGENT"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=6),
)
SECONDS = st.integers(0, 18_000_000_000)  # since 1970; OTLP ends in 2554


def stamp(seconds: int) -> str:
    return (EPOCH + timedelta(seconds=seconds)).isoformat()


def dumped(span: dict[str, Any]) -> bytes:
    return json.dumps(span, allow_nan=False).encode()


def raised(body: bytes) -> str | None:
    """What the translation says against this span; None where opentelemetry-proto reads the result."""
    try:
        decoded(body)
    except Untranslatable as error:
        return str(error)
    return None


def finite(value: Any) -> Any:
    """The value as JSON can say it: NaN and the infinities are none."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    return [finite(each) for each in value] if isinstance(value, list) else value


@given(
    st.lists(
        st.tuples(
            st.text(min_size=1, max_size=6),
            st.text(min_size=1, max_size=6),
            st.text(max_size=6),
            SECONDS,
            st.dictionaries(KEYS, ODD, max_size=8),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_every_sound_span_is_translated_and_read_by_the_official_classes(many: list[Any]) -> None:
    bodies = []
    for trace, own, parent, seconds, members in many:
        ends = {"start_timestamp": stamp(seconds), "end_timestamp": stamp(seconds), "parent_id": parent}
        bodies.append(dumped(finite({**members, **ends, "id": own, "trace_id": trace})))
    body = b"[" + b",".join(bodies) + b"]"
    assert translate.faults(body) == []
    request = b"".join(translate.request(spans) for spans in translate.slices(body))
    spans = all_spans(ExportTraceServiceRequest.FromString(request))
    assert otlp_protobuf.scan(request).spans == len(spans) == len(many)
    assert otlp_protobuf.faults(request) == []
    assert sorted(
        (span.trace_id, span.span_id, span.parent_span_id, span.start_time_unix_nano, span.end_time_unix_nano)
        for span in spans
    ) == sorted(
        (trace_id(trace), span_id(own), span_id(parent) if parent else b"", seconds * 10**9, seconds * 10**9)
        for trace, own, parent, seconds, _ in many
    )
    assert all("openinference.span.kind" in attributes(span) for span in spans)


@given(st.dictionaries(st.sampled_from([*MINIMAL, "parent_id", "name", "metadata", "input"]), ODD))
def test_a_span_of_anything_is_translated_or_named(members: dict[str, Any]) -> None:
    body = dumped(finite({**MINIMAL, **members}))
    faults = translate.faults(b"[" + body + b"]")
    fault = raised(body)
    assert faults == ([] if fault is None else [(0, fault)])


@given(st.binary(max_size=40), JSON)
def test_bytes_of_any_kind_raise_nothing_else(noise: bytes, value: Any) -> None:
    for body in (noise, json.dumps(value).encode(), text()[:-1] + b',"input":' + noise + b"}"):
        with contextlib.suppress(Untranslatable):
            translate.request([Raw(body)])


HOSTILE = {
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep enough to be read once": b"[" * 900 + b"]" * 900,
    "a huge integer": b"9" * 5000,
    "a number over every float": b"1e999",
    "minus nothing": b"-0",
    "a lone surrogate": b'"\\ud800"',
    "a lone surrogate with more": b'"\\ud800 and more"',
    "half a surrogate pair": b'"\\udc00"',
    "NUL": b'"\\u0000"',
    "a key that comes twice": b'{"a":1,"a":2}',
    "a long text": b'"' + b"x" * 100_000 + b'"',
    "many members": b"{" + b",".join(b'"k%d":%d' % (n, n) for n in range(5000)) + b"}",
}
MEMBERS = [*MINIMAL, "parent_id", "name", "type", "status", "input", "output", "metadata", "data", "group_id", "else"]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_value_in_any_place_is_taken_or_named(value: bytes, member: str) -> None:
    for inner in (value, b'{"usage":{"prompt_tokens":%b},"__error__":%b,"__agent_name__":%b}' % (value, value, value)):
        others = {key: said for key, said in MINIMAL.items() if key != member}
        span = dumped(others)[:-1] + b',"%b":%b}' % (member.encode(), inner)
        assert len(raised(span) or "") < 300


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"start_timestamp": None}, "start_timestamp: expected an RFC 3339 time from 1970 to 2554, such as"),
        ({"start_timestamp": "yesterday"}, 'found "yesterday"'),
        ({"start_timestamp": 1767225600}, "found 1767225600"),
        ({"end_timestamp": None}, "end_timestamp: expected an RFC 3339 time"),
        ({"end_timestamp": "1969-01-01T00:00:00Z"}, "from 1970 to 2554"),
        ({"id": ""}, "id: expected a text that is not empty"),
        ({"trace_id": 5}, "trace_id: expected a text that is not empty, found 5"),
        ({"parent_id": 5}, "parent_id: expected a text or null, found 5"),
    ],
)
def test_what_otlp_cannot_do_without_is_asked_for_by_name(members: dict[str, Any], why: str) -> None:
    body = text(**members)
    with pytest.raises(Untranslatable) as caught:
        decoded(body)
    assert why in str(caught.value)
    good = text(id="good")
    assert translate.faults(b"[" + b",".join([good, body, good]) + b"]") == [(1, str(caught.value))]


def test_a_member_that_is_missing_is_said_to_be_missing() -> None:
    with pytest.raises(Untranslatable, match=r"^start_timestamp: .*, found none$"):
        decoded(b'{"id":"1","trace_id":"2","end_timestamp":"2026-01-01T00:00:00Z"}')


def test_an_end_before_the_start_is_for_the_upstream_to_judge() -> None:
    (span,) = all_spans(decoded(text(end_timestamp="2025-01-01T00:00:00Z")))
    assert span.end_time_unix_nano < span.start_time_unix_nano


def test_spans_of_one_agent_share_a_resource_and_a_scope() -> None:
    def made_by(name: str | None, own: str) -> bytes:
        return text(id=own, metadata={"__agent_name__": name})

    request = decoded(made_by("a", "1"), made_by(None, "2"), made_by("a", "3"), made_by("b", "4"))
    services = [attributes(resource.resource)["service.name"] for resource in request.resource_spans]
    assert services == ["a", "unknown_service", "b"]
    groups = [resource.scope_spans[0] for resource in request.resource_spans]
    ids = [[attributes(span)["inspan.span_id"] for span in group.spans] for group in groups]
    assert ids == [["1", "3"], ["2"], ["4"]]
    assert {(group.scope.name, group.scope.version) for group in groups} == {("inspan", __version__)}


def test_a_large_batch_comes_in_slices_that_hold_it_whole_and_in_order() -> None:
    sizes = [10] * 100 + [SLICE_BYTES * 2] + [SLICE_BYTES // 3] * 7 + [10] * 5
    spans = [text(id=str(number), input="x" * size) for number, size in enumerate(sizes)]
    slices = list(translate.slices(span_json.join([b"[" + b",".join(spans) + b"]"])))
    assert [bytes(span) for part in slices for span in part] == spans
    assert all(len(part) <= SLICE_SPANS for part in slices)
    assert all(len(part) == 1 or sum(map(len, part)) <= SLICE_BYTES for part in slices)
    assert list(translate.slices(b"[]")) == []


def test_a_body_that_is_no_array_is_malformed() -> None:
    with pytest.raises(MalformedChunk):
        list(translate.slices(b"{}"))


def test_a_span_grows_by_less_than_is_reserved_for_it() -> None:
    usage = {"prompt_tokens": 10**6, "completion_tokens": 10**6, "cache_read_input_tokens": 10**6}
    full = text(
        id="5b8efff7-9803-4103-a269-b633813fc60c",
        parent_id="5b8efff7-9803-4103-a269-b633813fc60d",
        type="COMPLETION",
        name="llm.chat",
        status="ERROR",
        group_id="5b8efff7-9803-4103-a269-b633813fc60e",
        input={"model": "a-model-2026-01-01", "messages": [{"role": "user", "content": "hello"}]},
        output={"model": "a-model-2026-01-01", "usage": usage},
        metadata={
            "__agent_name__": "an-agent-of-ours",
            "__agent_id__": "5b8efff7-9803-4103-a269-b633813fc60f",
            "__agent_version__": "1.2.3",
            "error_type": "openai.RateLimitError",
            "error_message": "you have sent too many requests, please wait",
        },
    )
    for span in (full, text(), text(input="x" * 100_000)):
        assert len(translate.request([Raw(span)])) <= len(span) + translate.GROWTH


def test_names_that_are_as_long_as_can_be_lifted_cost_what_is_said_of_them() -> None:
    long = "x" * 256
    metadata = {f"__agent_{key}__": long for key in ("name", "id", "version")}
    metadata |= {"model": long, "error_type": long, "error_message": "x" * 2000}
    span = text(type="COMPLETION", status="ERROR", metadata=metadata, output={"model": long}, group_id=long)
    assert len(translate.request([Raw(span)])) <= len(span) + 4 * translate.GROWTH + 512
