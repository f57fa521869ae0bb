"""What an agent put where a name is expected, kept small."""

import json

import msgspec
import pytest

from inspan_collector.formats import Head, span_json
from inspan_collector.trail.packing import ROOMY, TEXT, pack, pattern, shown, unpack


def packed(*heads: Head) -> bytearray:
    into = bytearray(b"before")
    pack(heads, into)
    return into


def test_heads_come_back_as_they_were() -> None:
    heads = [Head("a", "t", None, "p", "né", "2026", "SUCCESS"), Head("b\0", "t", "2027", None, 1.5, None, {"a": [1]})]
    assert unpack(packed(*heads)) == heads


@pytest.mark.parametrize("name", [10**100, "x" * 10_000, ["y" * 10_000], {"z" * 10_000: 1}, [[[0]] * 900]])
def test_what_is_large_or_no_text_is_cut_and_its_neighbours_are_not(name: object) -> None:
    (large, small) = unpack(packed(Head("a", "t", name=name), Head("b", "t", name="b")))
    assert (large.id, small) == ("a", Head("b", "t", name="b"))
    assert len(large.name) <= TEXT
    assert len(packed(Head("a", "t", name=name))) < ROOMY


def test_a_name_that_nests_as_deep_as_json_may_is_kept_somehow() -> None:
    body = b'[{"id": "a", "trace_id": "t", "name": ' + b"[" * 900 + b"]" * 900 + b"}]"
    (head,) = unpack(packed(*span_json.heads(body)))
    assert isinstance(shown(head.name), str)


def test_a_number_of_many_digits_is_shown_as_no_more_than_that() -> None:
    assert [shown(each) for each in (1, 1.5, True, 10**5000, None, {}, [])] == [
        "1",
        "1.5",
        "True",
        "…",
        None,
        "{…}",
        "[…]",
    ]


def test_where_the_pattern_is_not_the_span_is_not() -> None:
    into = packed(Head("a", "t"), Head("t", "a"))
    assert pattern("t", None) in into
    assert pattern("t", "a") in into
    assert pattern("t", "t") not in into
    assert pattern("trace_id", None) not in into


def test_what_is_kept_of_a_head_is_all_that_a_head_has() -> None:
    fields = [field.name for field in msgspec.structs.fields(Head)]
    full = Head(*("x" * 2000 for _ in fields))
    (cut,) = unpack(packed(full))
    assert json.loads(msgspec.json.encode(cut)).keys() == set(fields)
    assert {len(getattr(cut, name)) for name in fields} == {TEXT, 2000}
