"""Random OTLP requests from the official classes, and what it means that two requests hold the same spans."""

import base64
import json
import random

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

ODD_TEXTS = ("", "plain", "naïve ☃ 𝄞", 'quote " slash \\ newline \n', "a" * 200, '{"spans":[]}', "0\n\x10")


def any_value(rng: random.Random, depth: int = 0) -> AnyValue:
    kind = rng.randrange(7 if depth < 3 else 5)
    if kind == 0:
        return AnyValue(string_value=rng.choice(ODD_TEXTS))
    if kind == 1:
        return AnyValue(bool_value=rng.random() < 0.5)
    if kind == 2:
        return AnyValue(int_value=rng.randrange(-(1 << 63), 1 << 63))
    if kind == 3:
        return AnyValue(double_value=rng.random())
    if kind == 4:
        return AnyValue(bytes_value=rng.randbytes(5))
    value = AnyValue()
    for _ in range(rng.randrange(3)):
        if kind == 5:
            value.array_value.values.append(any_value(rng, depth + 1))
        else:
            value.kvlist_value.values.add(key="k", value=any_value(rng, depth + 1))
    return value


def span(rng: random.Random) -> Span:
    made = Span(trace_id=rng.randbytes(16), span_id=rng.randbytes(8), name=rng.choice(ODD_TEXTS), kind=rng.randrange(6))
    made.start_time_unix_nano, made.end_time_unix_nano = rng.randrange(1 << 62), rng.randrange(1 << 62)
    if rng.random() < 0.5:
        made.parent_span_id = rng.randbytes(8)
    for _ in range(rng.randrange(4)):
        made.attributes.add(key=rng.choice(ODD_TEXTS), value=any_value(rng))
    if rng.random() < 0.3:
        made.events.add(name="event", time_unix_nano=5).attributes.add(key="k", value=any_value(rng))
    if rng.random() < 0.3:
        made.links.add(trace_id=rng.randbytes(16), span_id=rng.randbytes(8), trace_state="a=b", flags=1)
    if rng.random() < 0.3:
        made.status.message, made.status.code = rng.choice(ODD_TEXTS), 2
    return made


def request(rng: random.Random, most: int = 4) -> ExportTraceServiceRequest:
    """Up to `most` resources of up to `most` scopes of up to `most` spans; any of them may be none."""
    made = ExportTraceServiceRequest()
    for _ in range(rng.randint(0, most)):
        resource = made.resource_spans.add(schema_url=rng.choice(("", "https://schema/1")))
        for _ in range(rng.randrange(3)):
            resource.resource.attributes.add(key="service.name", value=any_value(rng))
        for _ in range(rng.randint(0, most)):
            scope = resource.scope_spans.add(schema_url=rng.choice(("", "https://schema/2")))
            scope.scope.name = rng.choice(ODD_TEXTS)
            scope.spans.extend(span(rng) for _ in range(rng.randint(0, most)))
    return made


def count(message: ExportTraceServiceRequest) -> int:
    return sum(len(scope.spans) for resource in message.resource_spans for scope in resource.scope_spans)


def flat(message: ExportTraceServiceRequest) -> list[tuple[bytes, bytes, bytes]]:
    """(resource without its scopes, scope without its spans, span) of each span in order, unknown fields included.

    Two requests with equal lists hold the same spans under the same resources and scopes, however they are grouped.
    """
    triples = []
    for resource in message.resource_spans:
        around = type(resource).FromString(resource.SerializeToString())
        around.ClearField("scope_spans")
        for scope in resource.scope_spans:
            outside = type(scope).FromString(scope.SerializeToString())
            outside.ClearField("spans")
            heads = around.SerializeToString(deterministic=True), outside.SerializeToString(deterministic=True)
            triples += [(*heads, each.SerializeToString(deterministic=True)) for each in scope.spans]
    return triples


def to_json(message: ExportTraceServiceRequest) -> dict:
    """The request as OTLP's JSON has it: ids in hexadecimal, where protobuf's mapping has base64."""
    whole = json_format.MessageToDict(message, use_integers_for_enums=True)
    _rewrite_ids(whole, lambda text: base64.b64decode(text).hex())
    return whole


def from_json(body: bytes) -> ExportTraceServiceRequest:
    whole = json.loads(body)
    _rewrite_ids(whole, lambda text: base64.b64encode(bytes.fromhex(text)).decode())
    return json_format.ParseDict(whole, ExportTraceServiceRequest(), ignore_unknown_fields=True)


def _rewrite_ids(value: object, rewrite) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("traceId", "spanId", "parentSpanId"):
                value[key] = rewrite(inner)
            else:
                _rewrite_ids(inner, rewrite)
    elif isinstance(value, list):
        for inner in value:
            _rewrite_ids(inner, rewrite)


def field(number: int, value: bytes) -> bytes:
    """A length-delimited field of a number below 16; the value shorter than 16 KiB."""
    size = bytes([len(value)]) if len(value) < 0x80 else bytes([len(value) & 0x7F | 0x80, len(value) >> 7])
    return bytes([number << 3 | 2]) + size + value


def mutant(rng: random.Random, body: bytes, odd: bytes) -> bytes:
    """The body with one to four small wounds. odd: bytes that the format finds interesting."""
    wounded = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(wounded)) if wounded else 0
        wound = rng.randrange(6)
        if wound == 0 and wounded:
            wounded[at] ^= 1 << rng.randrange(8)
        elif wound == 1 and wounded:
            wounded[at] = rng.choice(odd)
        elif wound == 2:
            del wounded[at : at + rng.randint(1, 3)]
        elif wound == 3:
            wounded.insert(at, rng.choice(odd))
        elif wound == 4:
            del wounded[rng.randint(at, len(wounded)) :]
        else:
            wounded[at:at] = wounded[at : at + rng.randrange(40)]
    return bytes(wounded)
