import json
import random

import pytest
from tests.collector.formats import otlp_samples as samples

from inspan_collector.errors import MalformedChunk, NotTraces
from inspan_collector.formats import otlp_json as fmt

SPAN = {"traceId": "0af7651916cd43dd8448eb211c80319C", "spanId": "b7ad6b7169203331"}


def encoded(rng: random.Random, request) -> bytes:
    """The request as a stranger might write it."""
    whole = samples.to_json(request)
    return json.dumps(whole, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 1))).encode()


def wrapped(*spans: object, scope: dict | None = None, resource: dict | None = None) -> bytes:
    scopes = [{**(scope or {}), "spans": spans}]
    return json.dumps({"resourceSpans": [{**(resource or {}), "scopeSpans": scopes}]}).encode()


def scanned(body: bytes) -> int | MalformedChunk:
    """The count, or the refusal. Any other error is a failure."""
    try:
        return fmt.scan(body).spans
    except MalformedChunk as error:
        return error


def refusal(body: bytes) -> MalformedChunk:
    found = scanned(body)
    assert isinstance(found, MalformedChunk)
    assert 0 <= found.position <= len(body)
    return found


def flat(body: bytes):
    return samples.flat(samples.from_json(body))


def test_the_count_is_that_of_the_official_parser(rng):
    for _ in range(200):
        request = samples.request(rng)
        assert fmt.scan(encoded(rng, request)).spans == samples.count(request)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b" { } ",
        b'{"resourceSpans":[]}',
        b'{"resourceSpans":null}',
        b'{"resourceSpans":[{}]}',
        b'{"resourceSpans":[{"scopeSpans":null}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":null},{"spans":[ ]},{}]}],"unknown":[1]}',
    ],
)
def test_requests_of_no_spans_are_valid(body):
    assert fmt.scan(body).spans == 0
    assert fmt.split(body, 1, 1) == [(body, 0)]
    assert fmt.cull(body, 0) == (body, 0, 0)
    assert fmt.faults(body) == []
    assert fmt.scan(fmt.join([body, wrapped(SPAN), body])).spans == 1


def test_joining_keeps_every_span_under_its_resource_and_scope(rng):
    for _ in range(50):
        bodies = [encoded(rng, samples.request(rng)) for _ in range(rng.randrange(5))]
        joined = fmt.join(bodies)
        assert joined.startswith(b'{"resourceSpans":[')
        assert flat(joined) == [triple for body in bodies for triple in flat(body)]


def test_parts_are_under_both_limits_and_hold_the_same_spans_in_order(rng):
    for _ in range(100):
        body = encoded(rng, samples.request(rng))
        max_spans, max_bytes = rng.randint(1, 12), rng.randint(1, len(body) + 10)
        parts = fmt.split(body, max_spans, max_bytes)
        for part, spans in parts:
            assert fmt.scan(part).spans == spans <= max_spans
            assert len(part) <= max_bytes or spans <= 1
        assert flat(fmt.join([part for part, _ in parts])) == flat(body)


def test_unknown_members_of_resource_scope_and_span_survive_in_every_part():
    mark = {"schemaUrl": "u", "новое": {"x": [1.50, None]}}
    parts = fmt.split(wrapped({**SPAN, **mark}, {**SPAN, **mark}, scope=mark, resource=mark), 1, 10_000)
    assert [json.loads(part) for part, _ in parts] == [
        {"resourceSpans": [{**mark, "scopeSpans": [{**mark, "spans": [{**SPAN, **mark}]}]}]}
    ] * 2
    assert all(part.count(b"1.5") == 3 for part, _ in parts)


def test_a_span_over_the_byte_limit_stands_alone():
    large = {**SPAN, "name": "n" * 500}
    assert [spans for _, spans in fmt.split(wrapped(SPAN, large, SPAN, SPAN), 9, 300)] == [1, 1, 2]


def test_oversized_spans_are_culled_and_counted():
    body, kept, culled = fmt.cull(wrapped(SPAN, {**SPAN, "name": "n" * 500}, SPAN, scope={"schemaUrl": "u"}), 300)
    assert (kept, culled) == (2, 1)
    assert json.loads(body) == json.loads(wrapped(SPAN, SPAN, scope={"schemaUrl": "u"}))


@pytest.mark.parametrize("signal", ["Metrics", "Logs", "Profiles"])
def test_other_signals_are_not_traces_even_beside_traces(signal):
    body = b'{"resourceSpans":[], "resource%b": [{"x":1}]}' % signal.encode()
    error = refusal(body)
    assert isinstance(error, NotTraces)
    assert error.position == body.index(b"[{")


@pytest.mark.parametrize("body", [b'{"resource_spans":[{"a":1}]}', b'{"resourceSpans":[{},{"scope_spans":[{"a":1}]}]}'])
def test_snake_case_names_are_refused_since_upstreams_would_ignore_them(body):
    error = refusal(body)
    assert "the JSON name is" in str(error)
    assert error.position == body.index(b'[{"a"')


@pytest.mark.parametrize("before", [0, 1, 20])
@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"traceId": SPAN["traceId"]},
        {"spanId": SPAN["spanId"]},
        {**SPAN, "spanId": ""},
        {**SPAN, "spanId": "b7ad6b716920333g"},
        {**SPAN, "spanId": "b7ad6b716920333\u0661"},
        {**SPAN, "spanId": "b7ad6b71692033 1"},
        {**SPAN, "traceId": SPAN["traceId"][:-2] + "  "},
        {**SPAN, "traceId": SPAN["traceId"][:-1]},
        {**SPAN, "traceId": None},
        {**SPAN, "traceId": 7},
        None,
        5,
        [],
        "span",
    ],
)
def test_a_span_without_hexadecimal_ids_is_named(before, bad):
    body = wrapped(*[SPAN] * before, bad)
    error = refusal(body)
    assert f"spans[{before}]" in str(error) or f"span {before} " in str(error)
    assert before == 0 or error.position > len(wrapped(*[SPAN] * before)) - 5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b'{"resourceSpans":{}}',
        b'{"resourceSpans":[1]}',
        b'{"resourceSpans":[null]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":{}}]}]}',
        b'{"x":NaN}',
        b'{"x":"\xff"}',
        b'{"x":"\\ud800"}',
        b'{"x":"\0"}',
        b'{"x":' + b"[" * 100_000,
        b"\xef\xbb\xbf{}",
        b"\x0a\x00",
    ],
)
def test_what_is_no_request_is_refused_with_a_position(body):
    assert not isinstance(refusal(body), NotTraces)


@pytest.mark.parametrize("member", [b'"x":NaN', b'"x":-Infinity', b'"x":"\xc3"', b'"x":01', b'"x":"\\q"'])
def test_what_poisons_a_batch_is_refused_inside_a_span_too(member):
    body = wrapped(SPAN, SPAN)
    at = body.rindex(b'"spanId"')
    wounded = body[:at] + member + b", " + body[at:]
    assert at <= refusal(wounded).position <= at + len(member) + 1


def test_what_is_nested_a_hundredfold_passes_in_a_span_and_is_sound():
    value = {"stringValue": "x"}
    for _ in range(50):
        value = {"arrayValue": {"values": [value]}}
    body = wrapped({**SPAN, "attributes": [{"key": "k", "value": value}]})
    assert fmt.scan(body).spans == 1
    assert fmt.faults(body) == []


def test_a_cut_at_any_byte_is_refused_with_a_position(rng):
    body = wrapped({**SPAN, "name": 'ünïcode \\ " ☃'}, SPAN, scope={"a": [None, True]})
    for size in range(len(body)):
        refusal(body[:size])


def test_a_wounded_body_is_counted_or_refused_and_nothing_else(rng):
    bodies = [encoded(rng, samples.request(rng, most=2)) for _ in range(10)] + [wrapped(SPAN, SPAN)]
    for _ in range(5000):
        body = samples.mutant(rng, rng.choice(bodies), b'{}[]":,\\ \n0eEn\x00\xff\xc3')
        spans = scanned(body)
        if isinstance(spans, MalformedChunk):
            assert 0 <= spans.position <= len(body)
            continue
        json.loads(body)
        assert fmt.scan(fmt.join([body])).spans == spans
        assert sum(count for _, count in fmt.split(body, 2, 200)) == spans
        assert sum(fmt.cull(body, 100)[1:]) == spans
        assert all(0 <= index < spans for index, _ in fmt.faults(body))


def test_a_sound_body_has_no_faults(rng):
    for _ in range(50):
        assert fmt.faults(encoded(rng, samples.request(rng))) == []


def test_forms_that_the_json_mapping_allows_are_no_faults():
    body = wrapped(
        {
            **SPAN,
            "parentSpanId": "",
            "kind": "SPAN_KIND_SERVER",
            "status": {"code": 2},
            "links": None,
            "startTimeUnixNano": 5,
            "endTimeUnixNano": "18446744073709551615",
            "attributes": [
                {"key": "a", "value": {"intValue": "-3"}},
                {"key": "b", "value": {"doubleValue": "NaN"}},
                {"key": "c", "value": {"doubleValue": 1}},
                {"key": "d", "value": None},
                {"key": "e", "value": {"kvlistValue": {"values": [{"key": "f", "value": {"boolValue": False}}]}}},
            ],
        }
    )
    assert fmt.faults(body) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"startTimeUnixNano": "soon"},
        {"parentSpanId": "xyz"},
        {"name": 5},
        {"attributes": {}},
        {"attributes": [{"key": "k", "value": "bare"}]},
        {"attributes": [{"key": "k", "value": {"intValue": "1x"}}]},
        {"links": [{"traceId": "00"}]},
        {"status": 2},
    ],
)
def test_the_spans_that_do_not_parse_are_named(broken):
    body = fmt.join([wrapped(SPAN, {**SPAN, **broken}, SPAN), wrapped({**SPAN, **broken})])
    assert fmt.scan(body).spans == 4
    assert [index for index, _ in fmt.faults(body)] == [1, 3]


def test_under_a_resource_or_scope_that_does_not_parse_every_span_is_a_fault():
    sound, bad = wrapped(SPAN, SPAN), {"resource": {"attributes": 5}, "scope": {"name": []}}
    for body in (wrapped(SPAN, SPAN, resource=bad), wrapped(SPAN, SPAN, scope=bad)):
        assert [index for index, _ in fmt.faults(fmt.join([sound, body, sound]))] == [2, 3]
