"""Protobuf message classes from a table of text: no protoc, no generated code, a descriptor pool of our own.

A line is one message: `Name: field number type, …`. A `*` before the type means repeated; a type with a capital is a
message of the same table. An own pool cannot clash with opentelemetry-proto where that is installed too.

The descriptor is written as the bytes of a FileDescriptorProto (google/protobuf/descriptor.proto): the class of that
name would bring a megabyte that is needed for nothing else.
"""

from typing import Any, Final

from google.protobuf import descriptor_pool, message_factory

from inspan_collector.formats.varint import varint

_PACKAGE: Final = "inspan"
_OPTIONAL: Final = 1
_REPEATED: Final = 3
_TYPES: Final = {  # FieldDescriptorProto.Type
    "double": 1,
    "int64": 3,
    "uint64": 4,
    "int32": 5,
    "fixed64": 6,
    "fixed32": 7,
    "bool": 8,
    "string": 9,
    "bytes": 12,
    "uint32": 13,
    "enum": 14,
}
_MESSAGE: Final = 11


def message_classes(table: str) -> dict[str, Any]:
    """The message class of each line of the table, by its name."""
    lines = [line.partition(":") for line in table.strip().splitlines()]
    names = [name.strip() for name, _, _ in lines]
    messages = [_text(1, name) + _fields(fields) for name, (_, _, fields) in zip(names, lines, strict=True)]
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(
        _text(1, "table.proto")
        + _text(2, _PACKAGE)
        + b"".join(_part(4, message) for message in messages)
        + _text(12, "proto3")
    )
    found = [(name, pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in names]
    return {name: message_factory.GetMessageClass(descriptor) for name, descriptor in found}


def _fields(fields: str) -> bytes:
    return b"".join(_part(2, _field(*field.split())) for field in fields.split(","))


def _field(name: str, number: str, kind: str) -> bytes:
    label = _REPEATED if kind.startswith("*") else _OPTIONAL
    kind = kind.removeprefix("*")
    numbered = _text(1, name) + _number(3, int(number)) + _number(4, label)
    if kind[0].isupper():
        return numbered + _number(5, _MESSAGE) + _text(6, f".{_PACKAGE}.{kind}")
    return numbered + _number(5, _TYPES[kind])


def _number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def _text(field: int, value: str) -> bytes:
    return _part(field, value.encode())


def _part(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value
