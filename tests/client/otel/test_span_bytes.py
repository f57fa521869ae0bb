import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceState
from tests.client.otel.odd_spans import SAMPLED, Ended, make, provider
from tests.e2e.otel_spans import make_spans
from tests.e2e.otel_spans import provider as ordinary

from inspan.otel.encoding import library_bytes
from inspan.otel.span_bytes import span_bytes
from inspan.otel.specimen import specimen

NOWHERE = Resource({})

texts = st.text(max_size=200)
times = st.integers(1, (1 << 64) - 1)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | texts | st.integers(-(1 << 65), 1 << 65) | st.floats() | st.binary(max_size=200),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
attributes = st.none() | st.dictionaries(texts, values, max_size=6)
states = st.none() | st.just(TraceState()) | st.just(TraceState([("vendor", "a:1"), ("other", "b")]))
contexts = st.builds(
    SpanContext,
    st.integers(0, 1 << 128),
    st.integers(0, 1 << 64),
    st.booleans(),
    st.just(SAMPLED),
    states,
)
statuses = st.builds(Status, st.sampled_from(StatusCode)) | st.builds(Status, st.just(StatusCode.ERROR), texts)
spans = st.builds(
    ReadableSpan,
    name=texts,
    context=contexts,
    parent=st.none() | contexts,
    resource=st.just(NOWHERE),
    attributes=attributes,
    events=st.lists(st.builds(Event, texts, attributes, times), max_size=3),
    links=st.lists(st.builds(Link, contexts, attributes), max_size=3),
    kind=st.sampled_from(SpanKind),
    status=statuses,
    start_time=times,
    end_time=times,
)


def agree(ours: bytes, span: ReadableSpan) -> None:
    """Field for field first, since a difference of messages is readable; NaN is equal as bytes alone."""
    theirs = library_bytes(span)
    assert str(Span.FromString(ours)) == str(Span.FromString(theirs))
    assert Span.FromString(ours).SerializeToString() == theirs
    assert ours == theirs


def test_spans_with_everything_that_one_may_carry_are_the_librarys_to_the_byte(rng: random.Random) -> None:
    ended = Ended()
    for _ in range(10):
        make(provider(rng, ended), 60, rng)
    assert len(ended.spans) == 600
    for span in ended.spans:
        agree(span_bytes(span), span)


def test_ordinary_spans_are_none_that_are_left_to_the_library(rng: random.Random) -> None:
    ended = Ended()
    make_spans(ordinary("shop", ended), 200, rng)
    for span in ended.spans:
        agree(span_bytes(span), span)


def test_the_specimen_is_written_here() -> None:
    agree(span_bytes(specimen()), specimen())


@settings(max_examples=400, deadline=None)  # deadline: no test of speed
@given(spans)
def test_whatever_a_span_is_made_of_it_is_the_librarys_to_the_byte_or_left_to_the_library(span: ReadableSpan) -> None:
    try:
        ours = span_bytes(span)
    except Exception:  # noqa: BLE001  left to the library
        return
    agree(ours, span)


def test_what_did_not_fit_into_a_span_is_counted_in_it(rng: random.Random) -> None:
    ended = Ended()
    limits = SpanLimits(max_attributes=1, max_events=1, max_links=1, max_event_attributes=1, max_link_attributes=1)
    made = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    made.add_span_processor(ended)
    many = {f"k{number}": number for number in range(200)}
    link = Link(SpanContext(1, 2, False), many)
    span = made.get_tracer("t").start_span("x", attributes=many, links=[link, link])
    for _ in range(3):
        span.add_event("e", many)
    span.end()
    agree(span_bytes(ended.spans[0]), ended.spans[0])
    shown = Span.FromString(span_bytes(ended.spans[0]))
    assert (shown.dropped_attributes_count, shown.dropped_events_count, shown.dropped_links_count) == (199, 2, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_time": None}, {"end_time": None}, {"start_time": -1}, {"end_time": 1 << 64}, {"start_time": 0},
        {"start_time": 1.5}, {"context": None}, {"context": SpanContext(1 << 128, 1, False)},
        {"context": SpanContext(1, -1, False)}, {"parent": SpanContext(1, 1 << 64, False)}, {"name": None},
        {"name": b"bytes"}, {"name": "\ud800"}, {"kind": 1}, {"status": None}, {"attributes": {"k": object()}},
        {"events": [Event("e", None, 0)]}, {"links": [object()]},
    ],
)  # fmt: skip
def test_what_the_sdk_does_not_make_is_not_written_here(wrong: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"name": "x", "context": SpanContext(1, 2, False), "start_time": 1, "end_time": 2}
    assert span_bytes(ReadableSpan(resource=NOWHERE, **usual))
    with pytest.raises(Exception):  # noqa: B017, PT011  any will do, and the library is asked
        span_bytes(ReadableSpan(resource=NOWHERE, **usual | wrong))
