import pytest
from google.protobuf.descriptor import FieldDescriptor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from inspan_collector.formats.otlp_schema import TABLE

TYPES = {getattr(FieldDescriptor, name): name[5:].lower() for name in dir(FieldDescriptor) if name.startswith("TYPE_")}


def official() -> dict[str, dict[str, tuple[int, str]]]:
    """A request and every message that it can hold, with its fields as the table writes them."""
    found = {}
    waiting = [ExportTraceServiceRequest.DESCRIPTOR]
    while waiting:
        message = waiting.pop()
        if message.name in found:
            continue
        found[message.name] = {}
        for field in message.fields:
            kind = field.message_type.name if field.message_type else TYPES[field.type].replace("enum", "int32")
            found[message.name][field.name] = field.number, "*" * field.is_repeated + kind
            waiting += [field.message_type] if field.message_type else []
    return found


def ours() -> dict[str, dict[str, tuple[int, str]]]:
    found = {}
    for line in TABLE.strip().splitlines():
        name, _, fields = line.partition(":")
        rows = [field.split() for field in fields.split(",")]
        found[name] = {row[0]: (int(row[1]), row[2]) for row in rows}
    return found


def test_the_table_has_the_messages_of_the_official_schema():
    assert ours().keys() == official().keys()


@pytest.mark.parametrize("name", sorted(ours()))
def test_the_table_has_the_fields_of_the_official_schema(name):
    theirs = {field: row for field, row in official()[name].items() if not field.endswith("_strindex")}  # of profiles
    assert ours()[name] == theirs
