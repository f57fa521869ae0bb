import gzip
import random
import zlib

import pytest
from tests.collector.formats.otlp_samples import request
from tests.e2e.otel_spans import spans_in

from inspan.encoding import Unencodable
from inspan.otel.dialect import OTLP
from inspan.otel.posted import Posted


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("", bytes), ("gzip", gzip.compress), ("deflate", zlib.compress)],
    ids=["none", "gzip", "deflate"],
)
def test_a_body_is_taken_apart_however_the_exporter_compresses_it(
    encoding: str, compress: object, rng: random.Random
) -> None:
    assert callable(compress)
    body = request(rng).SerializeToString()
    entries = Posted().entries(compress(body), encoding)
    assert spans_in([OTLP.join([piece for _, piece, _ in entries])]) == spans_in([body])
    assert [size for _, _, size in entries] == [len(span) for _, (_, span), _ in entries]


def test_fields_that_we_do_not_know_travel(rng: random.Random) -> None:
    unknown = b"\xf2\x3f\x03new"  # field 1022, with a length
    span = b"\x2a\x01n" + unknown
    scope = b"\x1a\x01s" + unknown + b"\x12" + bytes([len(span)]) + span
    resource = b"\x1a\x01r" + unknown + b"\x12" + bytes([len(scope)]) + scope
    ((_, piece, _),) = Posted().entries(b"\x0a" + bytes([len(resource)]) + resource, "")
    assert OTLP.join([piece]).count(unknown) == 3


def test_origins_are_kept_from_one_body_to_the_next(rng: random.Random) -> None:
    posted = Posted()
    body = request(rng).SerializeToString()
    first, second = ([id(origin) for _, (origin, _), _ in posted.entries(body, "")] for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("body", "encoding"), [(b"<html>", ""), (b"\x0a\x05x", ""), (b"plain", "gzip"), (b"", "deflate")]
)
def test_what_is_no_request_says_so(body: bytes, encoding: str) -> None:
    with pytest.raises(Unencodable, match=r"\w+: .+"):
        Posted().entries(body, encoding)
