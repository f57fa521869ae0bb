import random

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.collector.formats import otlp_samples as samples

from inspan_collector.errors import MalformedChunk, NotTraces
from inspan_collector.formats import otlp_protobuf as fmt

IDS = b"\x0a\x10" + b"t" * 16 + b"\x12\x08" + b"s" * 8
UNKNOWN = b"\xf2\x01\x0ffrom the future" + b"\x98\x06\x2a" + b"\xa3\x06\x08\x01\xa4\x06"  # bytes, a number, a group


def wrapped(*spans: bytes, scope: bytes = b"", resource: bytes = b"", request: bytes = b"") -> bytes:
    scopes = scope + b"".join(samples.field(2, span) for span in spans)
    return request + samples.field(1, resource + samples.field(2, scopes))


def parsed(body: bytes) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest.FromString(body)


def scanned(body: bytes) -> int | MalformedChunk:
    """The count, or the refusal. Any other error is a failure."""
    try:
        return fmt.scan(body).spans
    except MalformedChunk as error:
        return error


def full(rng: random.Random) -> ExportTraceServiceRequest:
    """A random request that has a span."""
    return next(made for made in iter(lambda: samples.request(rng), None) if samples.count(made))


def test_the_count_is_that_of_the_official_parser(rng):
    for _ in range(300):
        request = samples.request(rng)
        assert fmt.scan(request.SerializeToString()).spans == samples.count(request)


def test_an_empty_body_is_a_request_of_no_spans():
    assert fmt.scan(b"").spans == 0
    assert fmt.split(b"", 1, 1) == [(b"", 0)]
    assert fmt.cull(b"", 1) == (b"", 0, 0)
    assert fmt.faults(b"") == []
    assert fmt.join([]) == b""


def test_joining_is_merging(rng):
    for _ in range(100):
        requests = [samples.request(rng) for _ in range(rng.randrange(5))]
        merged = ExportTraceServiceRequest()
        for request in requests:
            merged.MergeFrom(request)
        body = fmt.join([request.SerializeToString() for request in requests])
        assert parsed(body) == merged
        assert fmt.scan(body).spans == samples.count(merged)


def test_parts_are_under_both_limits_and_hold_the_same_spans_in_order(rng):
    for _ in range(200):
        request = full(rng)
        body = request.SerializeToString()
        max_spans, max_bytes = rng.randint(1, 12), rng.randint(1, len(body) + 10)
        parts = fmt.split(body, max_spans, max_bytes)
        for part, spans in parts:
            assert samples.count(parsed(part)) == spans <= max_spans
            assert len(part) <= max_bytes or spans == 1
        assert samples.flat(parsed(fmt.join([part for part, _ in parts]))) == samples.flat(request)


def test_a_body_under_both_limits_is_not_cut(rng):
    body = full(rng).SerializeToString()
    assert fmt.split(body, 1000, len(body)) == [(body, fmt.scan(body).spans)]


def test_a_span_over_the_byte_limit_stands_alone():
    small, large = IDS, IDS + samples.field(5, b"n" * 500)
    parts = fmt.split(wrapped(small, large, small, small), 100, 150)
    assert [spans for _, spans in parts] == [1, 1, 2]
    assert len(parts[1][0]) > 150


def test_unknown_fields_of_request_resource_scope_and_span_survive_in_every_part():
    head = samples.field(1, b"\x0a\x00")
    body = wrapped(IDS + UNKNOWN, IDS, scope=head + UNKNOWN, resource=head + UNKNOWN, request=UNKNOWN)
    original = samples.flat(parsed(body))
    parts = [part for part, _ in fmt.split(body, 1, 10_000)]
    assert len(parts) == 2
    assert samples.flat(parsed(fmt.join(parts))) == original
    assert all(part.startswith(UNKNOWN) and part.count(b"from the future") >= 3 for part in parts)


def test_a_head_that_comes_twice_is_merged_as_before_the_cut():
    twice = samples.field(1, samples.field(1, samples.field(1, b"a"))) + samples.field(
        1, samples.field(1, b"\x0a\x01b")
    )
    body = wrapped(IDS, IDS, resource=twice)
    parts = fmt.split(body, 1, 10_000)
    assert samples.flat(parsed(fmt.join([part for part, _ in parts]))) == samples.flat(parsed(body))


def test_oversized_spans_are_culled_and_counted(rng):
    large = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="n" * 5000)
    request = full(rng)
    before = samples.flat(request)
    request.resource_spans[0].scope_spans.add().spans.append(large)
    request.resource_spans.add().scope_spans.add().spans.append(large)
    body, kept, culled = fmt.cull(request.SerializeToString(), 4999)
    assert (kept, culled) == (len(before), 2)
    assert samples.flat(parsed(body)) == before


def test_the_cull_limit_is_the_size_of_the_span_alone():
    body = wrapped(IDS)
    assert fmt.cull(body, len(IDS)) == (body, 1, 0)
    assert fmt.cull(body, len(IDS) - 1)[1:] == (0, 1)


def test_a_cut_at_any_byte_is_refused_with_a_position_or_leaves_a_shorter_valid_body(rng):
    body = full(rng).SerializeToString()
    for size in range(len(body)):
        found = scanned(body[:size])
        if isinstance(found, MalformedChunk):
            assert not isinstance(found, NotTraces)
            assert 0 <= found.position <= size
        else:
            assert found == samples.count(parsed(body[:size]))


def test_a_wounded_body_is_counted_or_refused_and_nothing_else(rng):
    bodies = [full(rng).SerializeToString() for _ in range(10)]
    for _ in range(5000):
        body = samples.mutant(rng, rng.choice(bodies), bytes([0, 8, 9, 0x0A, 0x0C, 0x12, 0x1B, 0x1C, 0x7F, 0x80, 0xFF]))
        spans = scanned(body)
        if isinstance(spans, MalformedChunk):
            assert 0 <= spans.position <= len(body)
            continue
        assert sum(count for _, count in fmt.split(body, 2, 200)) == spans
        assert sum(fmt.cull(body, 50)[1:]) == spans
        if not fmt.faults(body):  # what is broken now holds no span, and a cut leaves it behind
            parts = fmt.split(body + wrapped(IDS), 1, len(body) + 100)
            assert samples.count(parsed(fmt.join([part for part, _ in parts[:-1]]))) == spans


@pytest.mark.parametrize("name", ["", "http.server.duration", "sixteen letters."])
def test_metrics_are_not_traces(name):
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    scope.metrics.add(name=name, description="how long", unit="s").gauge.data_points.add(as_int=1)
    if name == "sixteen letters.":  # its name and description are as long as ids: the second gives it away
        scope.metrics.add(name="another")
    with pytest.raises(MalformedChunk) as caught:
        fmt.scan(request.SerializeToString())
    assert isinstance(caught.value, NotTraces) or name == "sixteen letters."


def test_logs_are_not_traces():
    request = ExportLogsServiceRequest()
    for _ in range(10):
        request.resource_logs.add().scope_logs.add().log_records.add(
            time_unix_nano=1, observed_time_unix_nano=2, trace_id=b"t" * 16, span_id=b"s" * 8
        ).body.string_value = "hello"
    with pytest.raises(NotTraces) as caught:
        fmt.scan(request.SerializeToString())
    assert caught.value.position == 6  # the first record


@pytest.mark.parametrize("many", [1, 100])
def test_ids_may_come_in_any_order_and_after_other_fields(many):
    late = samples.field(5, b"name") + IDS[18:] + b"\x38\x01" + IDS[:18]
    assert fmt.scan(wrapped(*[late] * many, IDS)).spans == many + 1


@pytest.mark.parametrize("around", [0, 1, 50])
@pytest.mark.parametrize(
    "bad", [b"", IDS[:18], IDS[18:], IDS[:27], b"\x0a\x0f" + b"t" * 15 + IDS[18:], IDS[:18] + b"\x12\x00"]
)
def test_one_span_without_ids_among_others_is_named(around, bad):
    body = wrapped(*[IDS] * around, bad)
    with pytest.raises(MalformedChunk, match=f"span {around} has no") as caught:
        fmt.scan(body)
    assert isinstance(caught.value, NotTraces) is (around == 0)
    assert caught.value.position == len(body) - len(bad)


@pytest.mark.parametrize("body", [b"\0", b"{}", b"<html>", b"hello", b"\x1f\x8b\x08\x00\x00", b"\xff" * 20, b"\x0c"])
def test_what_is_no_protobuf_is_refused_with_a_position(body):
    with pytest.raises(MalformedChunk) as caught:
        fmt.scan(body)
    assert 0 <= caught.value.position <= len(body)


def nested(depth: int) -> bytes:
    value = b"\x0a\x01x"
    for _ in range(depth):
        value = samples.field(5, samples.field(1, value))
    return value


def test_what_is_nested_a_hundredfold_passes_in_a_span_and_is_a_fault_if_asked():
    body = wrapped(IDS, IDS + samples.field(9, samples.field(2, nested(100))), IDS)
    assert fmt.scan(body).spans == 3
    assert [index for index, _ in fmt.faults(body)] == [1]


def test_groups_nested_a_hundredfold_outside_a_span_are_refused_with_a_position():
    assert fmt.scan(b"\x1b" * 100 + b"\x1c" * 100).spans == 0
    with pytest.raises(MalformedChunk, match="nested more than 100 deep"):
        fmt.scan(b"\x1b" * 101 + b"\x1c" * 101)


def test_a_sound_body_has_no_faults(rng):
    for _ in range(50):
        assert fmt.faults(samples.request(rng).SerializeToString()) == []


@pytest.mark.parametrize(
    "broken",
    [
        IDS + samples.field(5, b"\xff\xfe"),
        IDS + b"\x4a\x7f\x00",
        IDS + b"\x39\x00",
        IDS + samples.field(9, samples.field(2, samples.field(1, b"\xc3"))),
        IDS + samples.field(4, b"short"),
        IDS + samples.field(13, samples.field(1, b"short")),
    ],
)
def test_the_spans_that_do_not_parse_are_named(broken):
    body = wrapped(IDS, broken, IDS) + wrapped(broken)
    assert fmt.scan(body).spans == 4
    assert [index for index, _ in fmt.faults(body)] == [1, 3]


def test_under_a_resource_or_scope_that_does_not_parse_every_span_is_a_fault():
    bad = samples.field(1, samples.field(1, b"\x0a\x05x"))  # an attribute that is cut
    sound = wrapped(IDS, IDS)
    assert [i for i, _ in fmt.faults(sound + wrapped(IDS, IDS, resource=bad) + sound)] == [2, 3]
    assert [i for i, _ in fmt.faults(sound + wrapped(IDS, IDS, scope=samples.field(1, b"\x0a\x01\xff")) + sound)] == [
        2,
        3,
    ]


def test_a_large_broken_body_is_refused_without_being_searched(monkeypatch):
    def searched(body: bytes) -> None:
        raise AssertionError(f"{len(body)} bytes were searched")

    monkeypatch.setattr(fmt, "walk", searched)
    tiny = samples.field(2, b"")
    for body in (wrapped(tiny * 8000) * 70, b"\x08\x00" * 600_000 + b"\x0c"):
        with pytest.raises(MalformedChunk) as caught:
            fmt.scan(body)
        assert caught.value.position == 0


def test_spans_too_many_for_their_bytes_are_refused_before_they_are_objects(monkeypatch):
    monkeypatch.setattr(fmt, "_all_begin_with_ids", None)
    with pytest.raises(NotTraces):
        fmt.scan(wrapped(*[b""] * 1000))
    with pytest.raises(MalformedChunk, match="span 3 has no"):
        fmt.scan(wrapped(*[IDS] * 3, *[b""] * 1000))
