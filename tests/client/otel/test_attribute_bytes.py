import enum
import random
from collections import OrderedDict
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from tests.client.otel.odd_spans import Ended, attributes

from inspan.otel import attribute_bytes as module
from inspan.otel.attribute_bytes import DEEPEST, LONGEST, attribute_bytes
from inspan.otel.encoding import library_bytes
from inspan.otel.unsure import Unsure

TAG = b"\x4a"  # Span.attributes


class Number(enum.IntEnum):
    ONE = 1


class Words(str):
    __slots__ = ()


def by_the_library(given: dict[str, Any]) -> bytes:
    ended = Ended()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(ended)
    provider.get_tracer("t").start_span("x", attributes=given).end()
    alone = Span(attributes=Span.FromString(library_bytes(ended.spans[0])).attributes)
    written: bytes = alone.SerializeToString()
    return written


def nested(depth: int) -> Any:
    value: Any = "within"
    for _ in range(depth):
        value = (value,)
    return value


@pytest.mark.parametrize(
    "value",
    [
        "", "☃", "a" * 125, "a" * 126, "a" * 127, "a" * 128, "a" * 20_000, True, False, 0, 1, -1, 127, 128,
        (1 << 63) - 1, -(1 << 63), 0.0, -0.0, 5e-324, float("nan"), float("-inf"), b"", b"\x00" * 300, (),
        ("a", ""), (1, "a", 0.5, (True, b"x")), {}, {"k": {"l": (1, {"m": 0.5})}}, nested(DEEPEST),
    ],
)  # fmt: skip
def test_every_kind_of_value_is_written_as_the_library_writes_it(value: Any) -> None:
    assert attribute_bytes(TAG, {"key": value}) == by_the_library({"key": value})


@pytest.mark.parametrize(
    "value",
    [1 << 63, -(1 << 63) - 1, Number.ONE, Words("text"), bytearray(b"x"), range(3), OrderedDict(a=1), {1: 2}, {"k": 1j},
     object(), None, (None,), "\ud800", nested(DEEPEST + 1)],
)  # fmt: skip
def test_a_value_that_is_none_of_these_exactly_is_not_written_here(value: Any) -> None:
    with pytest.raises((Unsure, UnicodeEncodeError)):
        attribute_bytes(TAG, {"key": value})


@pytest.mark.parametrize("key", [1, b"key", None, Words("no key that is known")])
def test_a_key_that_is_no_text_exactly_is_not_written_here(key: Any) -> None:
    with pytest.raises(Unsure):
        attribute_bytes(TAG, {key: "value"})


def test_attributes_that_do_not_copy_to_a_dict_are_not_written_here() -> None:
    with pytest.raises(Unsure):
        attribute_bytes(TAG, OrderedDict(a=1))
    with pytest.raises(Unsure):
        attribute_bytes(TAG, [("a", 1)])  # type: ignore[arg-type]


def test_keys_without_end_and_keys_of_any_length_are_right_and_not_remembered_without_end(
    rng: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    module._known.clear()
    for length in (*range(1, 10), 0x7D, 0x7E, 0x7F, 0x80, 3000):
        given = {"k" * length: 1} | attributes(rng)
        assert attribute_bytes(TAG, given) == attribute_bytes(TAG, given) == by_the_library(given)
        assert len(module._known) <= 3
        assert all(len(encoded) <= LONGEST for encoded in module._known.values())
