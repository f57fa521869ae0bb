"""A span becomes bytes, whatever is in it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from inspan.encoding import MAX_DEPTH, Encoder, TooLarge, Unencodable
from inspan.span import Span


class Rig:
    def __init__(self, max_bytes: int = 1 << 20) -> None:
        self.notes: list[str] = []
        self.encoder = Encoder(max_bytes, self.notes.append)

    def read(self, span: Any) -> Any:
        return json.loads(self.encoder.encode(span))

    def value(self, value: Any) -> Any:
        return self.read({"id": "i", "trace_id": "t", "input": {"v": value}})["input"]["v"]


def test_a_span_is_written_without_what_it_does_not_say() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
    rig = Rig()
    assert rig.read(Span(name="n", id="i", trace_id="t", start_timestamp=at, input={"a": [1, None]})) == {
        "name": "n",
        "id": "i",
        "trace_id": "t",
        "start_timestamp": "2026-01-02T03:04:05.000678Z",
        "input": {"a": [1, None]},
    }
    assert not rig.notes


class Shaped(msgspec.Struct):
    id: str
    trace_id: str


@pytest.mark.parametrize("span", [{"id": "i", "trace_id": "t"}, Shaped("i", "t")])
def test_anything_with_a_key_is_a_span(span: Any) -> None:
    assert Rig().read(span) == {"id": "i", "trace_id": "t"}


@pytest.mark.parametrize(
    "span",
    [
        *({}, {"id": "i"}, {"id": 1, "trace_id": "t"}, {"id": "", "trace_id": "t"}, {"id": "i", "trace_id": None}),
        *(None, 1, "span", b"span", [], [{"id": "i", "trace_id": "t"}], object()),
    ],
)
def test_what_has_no_key_is_no_span_and_the_error_says_what_is_missing(span: Any) -> None:
    with pytest.raises(Unencodable, match=r"a span needs '(id|trace_id)', a text; found <"):
        Rig().encoder.encode(span)


class Plain:
    pass


@dataclass
class Record:
    a: int
    b: Any


class Hostile:
    def __iter__(self) -> Iterator[int]:
        raise RuntimeError("no")

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    @property
    def __dataclass_fields__(self) -> Any:
        raise RuntimeError("no")


def test_a_value_that_cannot_be_encoded_is_replaced_by_its_types_name_and_counted() -> None:
    rig = Rig()
    assert rig.value([1, Plain(), "x"]) == [1, f"<{Plain.__module__}.Plain>", "x"]
    assert rig.notes == ["replaced"]


@pytest.mark.parametrize(
    ("value", "becomes"),
    [
        (Record(1, Plain()), {"a": 1, "b": f"<{Plain.__module__}.Plain>"}),
        (float("nan"), None),
        (float("inf"), None),
        (2**100, 2**100),
        ({1: "a", "b": 2}, {"1": "a", "b": 2}),
        ({(1, 2): 3, "x": 4}, {"<tuple>": 3, "x": 4}),
        ({None: 1, "x": 2}, {"<NoneType>": 1, "x": 2}),
        ("half \ud800 pair", "half ? pair"),
        ({"\udfff": 1}, {"?": 1}),
        (b"bytes", "Ynl0ZXM="),
        (3 + 4j, "<complex>"),
        ((each for each in [1]), "<generator>"),
        (Hostile(), f"<{Hostile.__module__}.Hostile>"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
    ],
)
def test_odd_values_cost_no_more_than_themselves(value: Any, becomes: Any) -> None:
    assert Rig().value({"odd": value, "even": "here"}) == {"odd": becomes, "even": "here"}


def test_what_contains_itself_is_written_once() -> None:
    circle: dict[str, Any] = {"x": 1}
    circle["again"] = circle
    assert Rig().value(circle) == {"x": 1, "again": "<dict>"}


def test_what_is_there_twice_is_no_circle() -> None:
    twice = {"\ud800": 1}
    assert Rig().value([twice, twice]) == [{"?": 1}, {"?": 1}]


def test_what_is_nested_deeper_than_anybody_reads_is_cut() -> None:
    deep: Any = "core"
    for _ in range(100_000):
        deep = [deep]
    found = Rig().value(deep)
    depth = 0
    while isinstance(found, list):
        found, depth = found[0], depth + 1
    assert depth < MAX_DEPTH
    assert found == "<list>"


def test_a_span_that_is_too_large_keeps_all_but_the_length_of_its_texts() -> None:
    rig = Rig(max_bytes=50_000)
    span = {
        "id": "i",
        "trace_id": "t",
        "name": "n",
        "input": {"prompt": "a" * 10_000_000},
        "output": {"o": "b" * 9_000},
    }
    found = rig.read(span)
    assert (found["id"], found["trace_id"], found["name"], found["output"]) == ("i", "t", "n", {"o": "b" * 9_000})
    prompt = found["input"]["prompt"]
    assert prompt.startswith("a" * 10_000)
    assert prompt.endswith("… [shortened from 10000000 characters]")
    assert rig.notes == ["shortened"]


def test_many_texts_are_shortened_until_they_fit() -> None:
    rig = Rig(max_bytes=50_000)
    span = {"id": "i", "trace_id": "t", "input": {str(n): "a" * 20_000 for n in range(30)}}
    encoded = rig.encoder.encode(span)
    assert len(encoded) <= 50_000
    assert len(json.loads(encoded)["input"]) == 30


def test_what_is_too_large_however_short_its_texts_is_refused() -> None:
    with pytest.raises(TooLarge, match="not in its texts"):
        Rig(max_bytes=50_000).encoder.encode({"id": "i", "trace_id": "t", "input": {"n": list(range(100_000))}})


def test_what_is_too_large_and_no_json_is_refused() -> None:
    with pytest.raises(Unencodable, match="DecodeError"):
        Rig(max_bytes=1000).encoder.encode({"id": "i", "trace_id": "t", "input": msgspec.Raw(b"{" + b"x" * 2000)})
