"""Posts for a sink in each dialect."""

import json
from io import BytesIO
from typing import Any

import aiohttp
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from inspan_collector.sink import Sink

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


def otlp_request(*names: str, first: int = 1) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number, name in enumerate(names, first):
        scope.spans.add(trace_id=bytes(15) + b"t", span_id=number.to_bytes(8, "big"), name=name)
    return request


def otlp(*names: str, first: int = 1) -> bytes:
    return otlp_request(*names, first=first).SerializeToString()


def otlp_json(*names: str, first: int = 1) -> bytes:
    """Ids in hex, as OTLP's JSON has it and protobuf's own has not."""
    document = json_format.MessageToDict(otlp_request(*names, first=first))
    spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for number, span in enumerate(spans, first):
        span["traceId"], span["spanId"] = (bytes(15) + b"t").hex(), number.to_bytes(8, "big").hex()
    return json.dumps(document).encode()


def sgp_span(id: str | None = "s1", trace_id: str = "t1", **fields: Any) -> dict[str, Any]:  # noqa: A002
    span = {"name": "llm", "trace_id": trace_id, "start_timestamp": "2026-11-21T01:09:41.674752+00:00", **fields}
    return span if id is None else {"id": id, **span}


async def post(
    client: aiohttp.ClientSession,
    sink: Sink,
    body: bytes | BytesIO,
    headers: dict[str, str] = PROTOBUF,
    path: str = "/v1/traces",
) -> tuple[int, bytes, dict[str, str]]:
    """(status, body, headers in lower case) of one answer."""
    async with client.post(sink.url + path, data=body, headers=headers) as answer:
        return answer.status, await answer.read(), {name.lower(): value for name, value in answer.headers.items()}


async def put(client: aiohttp.ClientSession, sink: Sink, *spans: dict[str, Any], key: str = "k") -> tuple[int, Any]:
    """(status, decoded JSON) of an SGP upsert."""
    headers = {"x-api-key": key, **JSON}
    body = json.dumps({"items": list(spans)}).encode()
    async with client.put(sink.url + "/v5/spans/batch", data=body, headers=headers) as answer:
        return answer.status, await answer.json()
