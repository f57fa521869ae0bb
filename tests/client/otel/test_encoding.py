import gc
import http
import random

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from tests.client.otel.odd_spans import Ended, make, provider
from tests.e2e.otel_spans import spans_in

from inspan.encoding import Unencodable
from inspan.otel import encoding, origins
from inspan.otel.dialect import OTLP
from inspan.otel.encoding import Encoder, agrees
from inspan.otel.span_bytes import span_bytes
from inspan.otel.unsure import Unsure


def test_spans_that_are_encoded_one_by_one_are_those_that_the_sdk_encodes_together(rng: random.Random) -> None:
    encoder, ended = Encoder(), Ended()
    for _ in range(10):
        make(provider(rng, ended), rng.randint(1, 60), rng)
    rng.shuffle(ended.spans)
    joined = OTLP.join([encoder.encode(span)[1] for span in ended.spans])
    assert spans_in([joined]) == spans_in([encode_spans(ended.spans).SerializeToString()])


def test_the_size_of_an_entry_is_what_its_span_takes_in_the_post(rng: random.Random) -> None:
    ended = Ended()
    make(provider(rng, ended), 20, rng)
    for _, (_, span), size in map(Encoder().encode, ended.spans):
        assert size == len(span)


def test_spans_of_one_resource_and_one_scope_share_an_origin_also_where_the_scope_is_made_anew() -> None:
    encoder, ended = Encoder(), Ended()
    for _ in range(3):
        made = TracerProvider(resource=Resource({"service.name": "one"}))
        made.add_span_processor(ended)
        for name in ("llm", "tools", "llm"):
            made.get_tracer(name).start_span("x").end()
            made.get_tracer(name, "2").start_span("x").end()
    found = [encoder.encode(span)[1][0] for span in ended.spans]
    assert len(set(map(id, found))) == 3 * 4  # a resource is known by itself, and the sidecar may have it thrice
    assert found[0] is found[4]
    assert found[0] is not found[1]


def test_a_resource_that_is_gone_is_not_taken_for_the_one_that_has_its_place_in_memory(rng: random.Random) -> None:
    encoder = Encoder()
    for number in range(10):
        ended = Ended()
        made = TracerProvider(resource=Resource({"number": number}), shutdown_on_exit=False)
        made.add_span_processor(ended)
        made.get_tracer("t").start_span("x").end()
        piece = encoder.encode(ended.spans[0])[1]
        assert spans_in([OTLP.join([piece])]) == spans_in([encode_spans(ended.spans).SerializeToString()])
        del ended, made
        gc.collect()


def test_a_program_that_makes_scopes_without_end_is_not_remembered_without_end(
    rng: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origins, "MOST", 3)
    encoder, ended = Encoder(), Ended()
    made = provider(rng, ended)
    for number in range(10):
        made.get_tracer(f"scope {number}").start_span("x").end()
    joined = OTLP.join([encoder.encode(span)[1] for span in ended.spans])
    assert spans_in([joined]) == spans_in([encode_spans(ended.spans).SerializeToString()])
    assert repr(encoder) == "<Encoder <Origins 1>>"  # of ten, past every third everything was forgotten


def test_a_name_that_is_not_unicode_is_an_error_of_its_span_alone(rng: random.Random) -> None:
    encoder, ended = Encoder(), Ended()
    tracer = provider(rng, ended).get_tracer("t")
    for name in ("before", "\ud800", "behind"):
        tracer.start_span(name).end()
    assert encoder.encode(ended.spans[0])
    with pytest.raises(Unencodable, match="surrogates"):
        encoder.encode(ended.spans[1])
    assert encoder.encode(ended.spans[2])


def test_ordinary_spans_do_not_take_the_librarys_time(rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, ended = Encoder(), Ended()
    make(provider(rng, ended), 100, rng)
    monkeypatch.setattr(encoding, "library_bytes", _never)
    for span in ended.spans:
        encoder.encode(span)


def test_what_our_encoder_does_not_know_is_encoded_by_the_library(rng: random.Random) -> None:
    encoder, ended = Encoder(), Ended()
    tracer = provider(rng, ended).get_tracer("t")
    # Of the last two the library leaves out the attribute.
    for odd in (http.HTTPStatus.OK, deep(30), None, "\ud800", 1 << 63):
        tracer.start_span("x", attributes={"before": 1, "odd": odd, "behind": 2}).end()  # type: ignore[dict-item]
    for span in ended.spans:
        with pytest.raises((Unsure, UnicodeEncodeError)):
            span_bytes(span)
    joined = OTLP.join([encoder.encode(span)[1] for span in ended.spans])
    assert spans_in([joined]) == spans_in([encode_spans(ended.spans).SerializeToString()])


def test_a_value_that_nests_deeper_than_protobuf_reads_is_the_librarys_to_judge_and_spoils_no_post(
    rng: random.Random,
) -> None:
    encoder, ended = Encoder(), Ended()
    provider(rng, ended).get_tracer("t").start_span("x", attributes={"odd": deep(60)}).end()  # type: ignore[dict-item]
    try:
        joined = OTLP.join([encoder.encode(ended.spans[0])[1]])
    except Unencodable:
        return
    assert spans_in([joined]) == spans_in([encode_spans(ended.spans).SerializeToString()])


@pytest.mark.parametrize("instead", [b"\x7a\x00", None])
def test_an_sdk_that_writes_otherwise_than_we_do_has_its_way(
    instead: bytes | None, rng: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ours(span: ReadableSpan) -> bytes:
        if instead is None:
            raise AttributeError
        return instead

    monkeypatch.setattr(encoding, "span_bytes", ours)
    agrees.cache_clear()
    try:
        assert not agrees()
        encoder, ended = Encoder(), Ended()
        make(provider(rng, ended), 20, rng)
        joined = OTLP.join([encoder.encode(span)[1] for span in ended.spans])
        assert spans_in([joined]) == spans_in([encode_spans(ended.spans).SerializeToString()])
    finally:
        agrees.cache_clear()


def test_the_sdk_that_is_installed_here_writes_what_we_write() -> None:
    assert agrees()


def deep(levels: int) -> object:
    value: object = "within"
    for _ in range(levels):
        value = (value,)
    return value


def _never(span: ReadableSpan) -> bytes:
    raise AssertionError("left to the library")
