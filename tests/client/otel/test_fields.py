from google.protobuf.wrappers_pb2 import BytesValue, UInt64Value
from hypothesis import given
from hypothesis import strategies as st

from inspan.otel.fields import frame, varint


@given(st.integers(0, (1 << 64) - 1))
def test_a_varint_is_read_by_protobuf_as_the_number_that_it_was(number: int) -> None:
    assert UInt64Value.FromString(b"\x08" + varint(number)).value == number


def test_a_field_is_read_by_protobuf_whatever_number_of_bytes_its_length_takes() -> None:
    for length in (0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, 0x1FFFFF, 0x200000):
        content = bytes(length)
        assert BytesValue.FromString(frame(b"\x0a", content)).value == content
        assert frame(b"\x0a", content) == (BytesValue(value=content).SerializeToString() or b"\x0a\x00")
