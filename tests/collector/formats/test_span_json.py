import json
import random

import pytest
from tests.collector.formats import otlp_samples as samples

from inspan_collector.errors import MalformedChunk
from inspan_collector.formats import json_text
from inspan_collector.formats import span_json as fmt

SPAN = {"id": "s", "trace_id": "t", "name": "n", "end_timestamp": "2026-11-21T01:09:41.674752+00:00"}
OPEN = {"id": "s", "trace_id": "t", "name": "n"}


def span(rng: random.Random) -> dict:
    made = {"trace_id": rng.choice(("t1", "ü☃")), "id": f"s{rng.randrange(5)}", "name": rng.choice(samples.ODD_TEXTS)}
    if rng.random() < 0.7:
        made["end_timestamp"] = rng.choice(("2026-11-21T01:09:41Z", None))
    made["input"] = {"text": rng.choice(samples.ODD_TEXTS), "deep": [[{}], None, 1.5]}
    return made


def spans(rng: random.Random, most: int = 8) -> list[dict]:
    return [span(rng) for _ in range(rng.randint(0, most))]


def encoded(value: object, rng: random.Random | None = None) -> bytes:
    loose = rng is not None and rng.random() < 0.3
    return json.dumps(value, ensure_ascii=rng is None or rng.random() < 0.5, indent=1 if loose else None).encode()


def refused(call, *arguments) -> MalformedChunk:
    with pytest.raises(MalformedChunk) as caught:
        call(*arguments)
    assert 0 <= caught.value.position <= len(arguments[0])
    return caught.value


def test_spans_and_those_without_an_end_are_counted(rng):
    for _ in range(100):
        made = spans(rng)
        body = encoded(made, rng)
        found = fmt.scan(body)
        assert (found.spans, found.unended) == (len(made), sum(s.get("end_timestamp") is None for s in made))
        assert fmt.keys(body) == [(s["trace_id"], s["id"]) for s in made]


def test_only_the_last_ended_copy_of_each_span_is_kept_as_it_came(rng):
    for _ in range(100):
        made = spans(rng)
        encoding = encoded(made, rng)
        body, kept, left_out = fmt.ended(encoding, fmt.heads(encoding))
        complete = [s for s in made if s.get("end_timestamp") is not None]
        last = {(s["trace_id"], s["id"]): s for s in complete}.values()
        assert json.loads(body) == [s for s in complete if any(s is each for each in last)]
        assert (kept, left_out) == (len(last), len(complete) - len(last))


def test_of_several_ended_copies_of_a_span_in_one_body_the_last_is_kept():
    made = [{"id": i, "trace_id": t, "end_timestamp": e, "n": n} for n, (t, i, e) in enumerate([
        ("t", "a", "1"), ("t", "b", "1"), ("t", "a", None), ("u", "a", "1"), ("t", "a", "2"), ("t", "c", None),
    ])]  # fmt: skip
    body = json.dumps(made).encode()
    chosen, kept, left_out = fmt.ended(body, fmt.heads(body))
    assert [span["n"] for span in json.loads(chosen)] == [1, 3, 4]
    assert (kept, left_out) == (3, 1)


def test_a_body_is_taken_apart_into_one_copy_of_each_span_by_its_key(rng):
    for _ in range(100):
        made = spans(rng)
        body = encoded(made, rng)
        opened, ended, size = fmt.copies(body, fmt.heads(body))
        assert size == sum(map(len, json_text.elements(body)))
        kept = list({(span["trace_id"], span["id"]): span for span in made if span.get("end_timestamp")}.values())
        keys = {(span["trace_id"], span["id"]) for span in kept}
        running = {(span["trace_id"], span["id"]): span for span in made if not span.get("end_timestamp")}
        assert [json.loads(copy) for copy in ended.values()] == kept
        assert [json.loads(copy) for copy in opened.values()] == [running[key] for key in running if key not in keys]
        assert [tuple(str(key).split("\0")) for key in ended] == [(span["trace_id"], span["id"]) for span in kept]


def test_no_two_spans_have_one_key_whatever_their_ids_hold():
    parts = ("a", "a\0", "\0a", "\0", "a\0a", "b")
    heads = [fmt.Head(id=span, trace_id=trace) for span in parts for trace in parts]
    assert len(set(fmt.keys_of(heads))) == len(heads)


def test_a_span_has_the_same_key_whatever_its_neighbours_are_called():
    span, odd = fmt.Head(id="s", trace_id="t"), fmt.Head(id="\0", trace_id="t")
    assert fmt.keys_of([span]) == [fmt.keys_of([odd, span])[1]]
    assert fmt.keys_of([odd]) == [fmt.keys_of([odd, span])[0]]


def test_joining_keeps_every_copy_in_order(rng):
    for _ in range(100):
        several = [spans(rng) for _ in range(rng.randrange(5))]
        joined = fmt.join([encoded(made, rng) for made in several])
        assert json.loads(joined) == [s for made in several for s in made]
        assert fmt.scan(joined).spans == sum(map(len, several))


def test_parts_are_under_both_limits_and_hold_the_same_spans_in_order(rng):
    for _ in range(100):
        made = spans(rng, 20)
        body = encoded(made, rng)
        max_spans, max_bytes = rng.randint(1, 12), rng.randint(1, len(body) + 10)
        parts = fmt.split(body, max_spans, max_bytes)
        for part, count in parts:
            assert len(json.loads(part)) == count <= max_spans
            assert len(part) <= max_bytes or count <= 1
        assert json.loads(fmt.join([part for part, _ in parts])) == made


def test_a_span_over_the_byte_limit_stands_alone():
    large = {**SPAN, "input": {"text": "x" * 500}}
    assert [count for _, count in fmt.split(encoded([SPAN, large, SPAN, SPAN]), 9, 300)] == [1, 1, 2]


def test_oversized_spans_are_culled_and_counted():
    body, kept, culled = fmt.cull(encoded([SPAN, {**SPAN, "input": {"text": "x" * 500}}, OPEN]), 300)
    assert (json.loads(body), kept, culled) == ([SPAN, OPEN], 2, 1)
    assert fmt.cull(body, 300) == (body, 2, 0)


def test_an_empty_array_is_a_body_of_no_spans():
    for body in (b"[]", b" [ ] "):
        assert fmt.scan(body).spans == 0
        assert fmt.split(body, 1, 1) == [(body, 0)]
        assert fmt.ended(body, []) == (body, 0, 0)
    assert fmt.join([]) == fmt.join([b"[]", b" [ ] "]) == b"[]"


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize(
    "bad",
    [
        b"{}",
        b'{"id":"s"}',
        b'{"trace_id":"t"}',
        b'{"id":"","trace_id":"t"}',
        b'{"id":"s","trace_id":""}',
        b'{"id":null,"trace_id":"t"}',
        b'{"id":1,"trace_id":"t"}',
        b'{"id":"s","trace_id":"t","end_timestamp":5}',
        b"null",
        b"[]",
        b"7",
    ],
)
def test_a_span_without_a_sound_key_is_named_and_located(before, bad):
    body = b"[ " + (encoded(SPAN) + b" , ") * before + bad + b"]"
    error = refused(fmt.scan, body)
    assert f"$[{before}]" in str(error) or f"span {before} " in str(error)
    assert body.index(bad, before * len(encoded(SPAN))) <= error.position < len(body)
    for wrapper in (b'{"items":%b}', b'{"other":[],"items": %b }'):
        wrapped = wrapper % body
        assert refused(fmt.read, wrapped, "items").position == error.position + wrapped.index(body)


def test_a_nul_is_for_the_upstream_to_refuse_so_that_it_costs_no_neighbours():
    body = b'[{"id":"s\\u0000","trace_id":"t"},{"id":"s","trace_id":"\\u0000","name":"\\u0000"}]'
    assert fmt.keys(body) == [("t", "s\0"), ("\0", "s")]
    assert fmt.faults(body) == []
    assert fmt.join([part for part, _ in fmt.split(body, 1, 1 << 20)]) == body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b'"x"',
        b"[1",
        b"[{},]",
        b"[" * 100_000,
        encoded([{**SPAN, "x": float("nan")}]),
        encoded([SPAN])[:-2] + b',"x":"\xff"}]',
        encoded([SPAN])[:-2] + b',"x":"\\ud800"}]',
        encoded([SPAN])[:-2] + b',"x":' + b"[" * 100_000,
        encoded([SPAN]) + b"x",
        b"\xef\xbb\xbf[]",
    ],
)
def test_what_is_no_array_of_spans_is_refused_with_a_position(body):
    refused(fmt.scan, body)
    refused(fmt.read, body, "items")
    refused(fmt.read, b'{"items":' + body + b"}", "items")


def test_invalid_utf8_is_refused_where_nobody_reads_it():
    body = encoded([SPAN, SPAN])[:-2] + b',"x":"na\xefve"}]'
    assert refused(fmt.scan, body).position == body.index(b"\xef")
    assert refused(fmt.read, b'{"items":%b}' % body, "items").position == body.index(b"\xef") + 9
    assert refused(fmt.read_ndjson, body).position == body.index(b"\xef")


def test_what_is_nested_a_hundredfold_passes():
    value: object = "x"
    for _ in range(100):
        value = {"k": [value]}
    body = encoded([{**SPAN, "input": value}])
    assert fmt.scan(body).spans == 1
    assert fmt.faults(body) == []


def test_the_array_is_taken_out_of_its_object_as_it_came(rng):
    for _ in range(100):
        made = spans(rng)
        array = encoded(made, rng)
        for body in (
            b'{"items":%b}' % array,
            b' \n{ "items" :\t%b } \r\n' % array,
            b'{"object":"list]}","items":%b,"more":[1]}' % array,
            b'{"items":%b,"tail":[{}]}' % array,
            b'{"other":[{"items":[]}],"items":%b}' % array,
            b'{"\\u0069tems":%b}' % array,
        ):
            found, scan = fmt.read(body, "items")
            assert found == array == fmt.read(body, "items")[0]
            assert scan == fmt.scan(array)
            assert [(head.trace_id, head.id) for head in scan.heads] == fmt.keys(array)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"item":[]}',
        b'{"items":null}',
        b'{"items":{}}',
        b'{"items":[]',
        b'{"items":[]]}',
        b'{"items":[]}}',
        b'{"items":[}',
        b'{"items":[],}',
        b'{"items":[],"x":[}',
        b"[]",
        b"]}",
        b"}",
    ],
)
def test_an_object_without_the_array_is_refused_with_a_position(body):
    refused(fmt.read, body, "items")


def test_lines_become_an_array(rng):
    for _ in range(100):
        made = spans(rng)
        lines = [json.dumps(s, ensure_ascii=rng.random() < 0.5).encode() for s in made]
        body = rng.choice((b"\n", b"\r\n", b"\n\n", b" \n \n")).join(lines) + rng.choice((b"", b"\n"))
        array, scan = fmt.read_ndjson(body)
        assert json.loads(array) == json.loads(fmt.read_ndjson(body)[0]) == made
        assert scan.spans == len(scan.heads) == len(made)


@pytest.mark.parametrize(
    "bad",
    [b'{"id":"s"}', b"[]", b"{", b"x", b"%b,%b" % (encoded(SPAN), encoded(SPAN))],
)
def test_the_line_that_is_no_span_is_located(bad):
    body = encoded(SPAN) + b"\n \n" + encoded(SPAN) + b"\n" + bad + b"\n" + encoded(SPAN)
    start = body.index(b"\n" + bad + b"\n") + 1
    assert start <= refused(fmt.read_ndjson, body).position <= start + len(bad)


def test_a_span_over_two_lines_is_no_ndjson():
    refused(fmt.read_ndjson, b'{"id":"s"\n"trace_id":"t"}')
    refused(fmt.read_ndjson, b'{"id":"s","trace_id":"t","x":[{}\n{}]}')


def test_a_cut_at_any_byte_is_refused_with_a_position():
    body = json.dumps([{**SPAN, "x": 'ünï \\ " ☃'}, OPEN], ensure_ascii=False).encode()
    for size in range(len(body)):
        refused(fmt.scan, body[:size])
        refused(fmt.read, b'{"items":' + body[:size] + b"}", "items")
        refused(fmt.read, (b'{"items":' + body)[:size], "items")


def test_a_wounded_body_is_counted_or_refused_and_nothing_else(rng):
    bodies = [encoded(spans(rng), rng) for _ in range(10)]
    bodies += [b'{"items":%b}' % body for body in bodies]
    for _ in range(5000):
        body = samples.mutant(rng, rng.choice(bodies), b'{}[]":,\\ \n0eEn\x00\xff\xc3')
        for call in (fmt.scan, lambda body: fmt.read(body, "items")[1], lambda body: fmt.read_ndjson(body)[1]):
            try:
                found = call(body)
            except MalformedChunk as error:
                outcome = error.position
            else:
                outcome = found.spans
            assert 0 <= outcome <= len(body)
        try:
            count = fmt.scan(body).spans
        except MalformedChunk:
            continue
        assert len(json.loads(body)) == count
        assert sum(part for _, part in fmt.split(body, 2, 200)) == count
        assert sum(fmt.cull(body, 100)[1:]) == count
        assert fmt.scan(fmt.join([body])).spans == count
        assert all(0 <= index < count for index, _ in fmt.faults(body))


def test_a_sound_body_has_no_faults(rng):
    assert fmt.faults(encoded([*spans(rng), {**OPEN, "input": [{"a": 1}], "metadata": None}])) == []


@pytest.mark.parametrize("broken", [{"name": 5}, {"start_timestamp": 1.5}, {"input": "bare"}, {"parent_id": []}])
def test_the_spans_that_no_upstream_could_read_are_named(broken):
    body = encoded([SPAN, {**SPAN, **broken}, SPAN, {**SPAN, **broken}])
    assert fmt.scan(body).spans == 4
    assert [index for index, _ in fmt.faults(body)] == [1, 3]


def test_large_lines_are_refused_without_being_searched():
    assert refused(fmt.read_ndjson, (encoded(SPAN) + b"\n") * 15_000 + b"{}").position == 0
