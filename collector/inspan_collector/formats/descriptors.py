"""Protobuf message classes from a table of text: no protoc, no generated code, a descriptor pool of our own.

A line is one message: `Name: field number type, …`. A `*` before the type means repeated; a type with a capital is a
message of the same table. An own pool cannot clash with opentelemetry-proto where that is installed too.
"""

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field: Final = descriptor_pb2.FieldDescriptorProto
_PACKAGE: Final = "inspan"


def message_classes(table: str) -> dict[str, Any]:
    """The message class of each line of the table, by its name."""
    file = descriptor_pb2.FileDescriptorProto(name="table.proto", package=_PACKAGE, syntax="proto3")
    for line in table.strip().splitlines():
        name, _, fields = line.partition(":")
        message = file.message_type.add(name=name.strip())
        for field in fields.split(","):
            _add_field(message, *field.split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = [(m.name, pool.FindMessageTypeByName(f"{_PACKAGE}.{m.name}")) for m in file.message_type]
    return {name: message_factory.GetMessageClass(descriptor) for name, descriptor in found}


def _add_field(message: descriptor_pb2.DescriptorProto, name: str, number: str, kind: str) -> None:
    label = _Field.LABEL_REPEATED if kind.startswith("*") else _Field.LABEL_OPTIONAL
    kind = kind.removeprefix("*")
    field = message.field.add(name=name, number=int(number), label=label)
    if kind[0].isupper():
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    else:
        field.type = _Field.Type.Value(f"TYPE_{kind.upper()}")
