import msgspec
import pytest
from msgspec.json import Decoder

from inspan_collector.errors import MalformedChunk
from inspan_collector.formats import json_text


class Inner(msgspec.Struct):
    b: int


class Outer(msgspec.Struct):
    a: Inner


def refusal(body: bytes, wanted=list[msgspec.Raw], offset=0) -> MalformedChunk:
    with pytest.raises(MalformedChunk) as caught:
        json_text.decode(Decoder(wanted), body, offset)
    return caught.value


@pytest.mark.parametrize(
    ("body", "position"), [(b"[1,NaN]", 3), (b"[1,]", 3), (b"[] x", 3), (b"[1", 2), (b"", 0), (b"\xef\xbb\xbf[]", 0)]
)
def test_a_body_that_is_no_json_is_refused_where_it_stops_being_it(body, position):
    assert refusal(body).position in (position, position + 1)
    assert refusal(body, offset=100).position in (position + 100, position + 101)


def test_a_wrong_value_is_refused_where_it_stands():
    body = b'[ {"a":{"b":1}} ,\n {"x":"\\"a\\": {}","a": {"c":1, "b" : "two"}} ]'
    error = refusal(body, list[Outer])
    assert error.position == body.index(b'"two"')
    assert "$[1].a.b" in str(error)


def test_a_missing_member_is_refused_where_its_object_stands():
    body = b'[{"a":{"b":1}}, {"a":{"b":1}},  {"b":1}]'
    assert refusal(body, list[Outer]).position == body.rindex(b'{"b"')


def test_brackets_without_end_are_refused():
    assert "nested too deep" in str(refusal(b"[" * 100_000))


def test_text_must_be_utf8_even_where_nobody_reads_it():
    json_text.check_text('["naïve"]'.encode())
    with pytest.raises(MalformedChunk, match="not UTF-8") as caught:
        json_text.check_text(b'["na\xefve"]')
    assert caught.value.position == 4


def test_keys_written_with_escapes_still_lead_somewhere():
    assert json_text.locate(b'{"\\u0061":[1,2]}', ".a[1]") in range(16)
    assert json_text.member(b'{"\\u0061":[1,2]}', "a")[1] == b"[1,2]"


@pytest.mark.parametrize(("array", "inner"), [(b"[]", b""), (b" [ \n ] ", b""), (b" [1, [2]] ", b"1, [2]")])
def test_what_stands_between_the_brackets(array, inner):
    assert json_text.inside(array) == inner


def test_a_large_body_is_refused_without_being_searched():
    assert refusal(b"[" + b"1," * (1 << 20) + b"1]", list[Inner]).position == 0
    assert refusal(b'["",' + b"1," * 1000 + b"1]", list[int]).position == 1


def test_a_bad_byte_in_what_is_read_is_refused_too():
    assert refusal(b'"\xff"', str, offset=7).position == 7
