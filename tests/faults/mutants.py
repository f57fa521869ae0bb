"""Odd inputs: sound bodies and requests of every kind, and what is made of them by wounds, splices and chance."""

import gzip
import json
import random
import zlib
from collections.abc import Callable
from typing import Any

from tests.collector.formats import otlp_samples as samples
from tests.collector.receiver.test_bad_http import BAD

from inspan_collector.inflate import zstd

ODD = {
    "otlp_protobuf": bytes([0, 8, 9, 0x0A, 0x0C, 0x10, 0x12, 0x1B, 0x1C, 0x7F, 0x80, 0xFF]),
    "otlp_json": b'{}[]":,\\ \n0eEn\x00\xff\xc3',
    "span_json": b'{}[]":,\\ \n0eEn\x00\xff\xc3',
    "span_patch": b'{}[]":,\\ \n0eEn\x00\xff\xc3',
    "agentex": b'{}[]":,\\ \n0eEn\x00\xff\xc3',
    "http": b"\r\n \t:;,/0aGHx\x00\xff\x80",
}
VALUES: list[Any] = [None, True, 0, -1, 1e308, 1 << 70, "", "\0", "☃", "\ud800", [], {}, [[]], {"": None}, "x" * 300]
MEMBERS = (
    "id",
    "trace_id",
    "end_timestamp",
    "start_timestamp",
    "name",
    "input",
    "spans",
    "resourceSpans",
    "traceId",
    "start_time",
    "end_time",
    "data",
    "__error__",
    "__span_type__",
    "",
)
# How many times a value is wrapped: around the depths at which some parser gives up.
DEPTHS = (1, 2, 60, 99, 100, 101, 510, 512, 1030, 5000)


def body(rng: random.Random, name: str) -> bytes:
    """A sound body of a format, or of AgentEx's dialect."""
    if name in ("span_json", "span_patch"):
        return json.dumps([_span(rng) for _ in range(rng.randint(0, 6))], ensure_ascii=rng.random() < 0.5).encode()
    if name == "agentex":
        return json.dumps(_agentex_span(rng), ensure_ascii=rng.random() < 0.5).encode()
    made = samples.request(rng, 2)
    return made.SerializeToString() if name == "otlp_protobuf" else json.dumps(samples.to_json(made)).encode()


def _span(rng: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {"id": f"{rng.randrange(8)}", "trace_id": "t", "name": "n", "input": {"text": "hello ☃"}}
    made["start_timestamp"] = "2026-05-04T03:02:01Z"
    if rng.random() < 0.7:
        made["end_timestamp"] = "2026-05-04T03:02:02Z"
    return made


def _agentex_span(rng: random.Random) -> dict[str, Any]:
    """A whole span, or a change of one; of few ids, so that they meet."""
    made: dict[str, Any] = {"input": {"text": "hello ☃"}, "data": {"__error__": {"type": "T"}, "__span_type__": "X"}}
    made |= {"id": f"{rng.randrange(8)}", "trace_id": "t", "name": "n", "start_time": "2026-05-04T03:02:01Z"}
    made |= {"end_time": "2026-05-04T03:02:02Z", "output": [{"a": 1}], "task_id": None}
    return {member: value for member, value in made.items() if rng.random() < 0.9}


def odd_body(rng: random.Random, name: str) -> bytes:
    """One of a format that is no longer sound, or still is."""
    sound = body(rng, name)
    match rng.randrange(10):
        case 0:
            return rng.randbytes(rng.randrange(60))
        case 1:
            other = body(rng, name)
            return sound[: rng.randrange(len(sound) + 1)] + other[rng.randrange(len(other) + 1) :]
        case 2 | 3 if name != "otlp_protobuf":
            return _odd_document(rng, sound)
        case 4:
            return _deep(rng, name, sound)
        case 5:
            return sound
    return samples.mutant(rng, sound, ODD[name])


def _odd_document(rng: random.Random, sound: bytes) -> bytes:
    """Sound as JSON, and with a value, a member or an element that nobody expects."""
    document = json.loads(sound)
    where: Any = document
    while isinstance(where, (dict, list)) and where and rng.random() < 0.8:
        key = rng.choice(list(where)) if isinstance(where, dict) else rng.randrange(len(where))
        if rng.random() < 0.3 or not isinstance(where[key], (dict, list)):
            where[key] = rng.choice(VALUES)
            break
        where = where[key]
    if isinstance(where, dict):
        where[rng.choice(MEMBERS)] = rng.choice(VALUES)
    elif isinstance(where, list):
        where.append(rng.choice(VALUES))
    return json.dumps(document).encode()


def _deep(rng: random.Random, name: str, sound: bytes) -> bytes:
    """Something nested at a place where nesting is possible."""
    depth = rng.choice(DEPTHS)
    at = rng.randrange(len(sound) + 1)
    if name == "otlp_protobuf":
        return sound + b"\x1b" * depth + b"\x1c" * depth
    nested = rng.choice((b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth))
    colon = sound.find(b":", at) + 1
    comma = sound.find(b",", colon)
    return sound[:colon] + nested + sound[comma:] if 0 < colon < comma else nested


POSTS = {
    "otlp_protobuf": (("/v1/traces", "application/x-protobuf"),),
    "otlp_json": (("/v1/traces", "application/json"),),
    "span_json": (("/v1/spans", "application/json"), ("/v5/spans/batch", "application/json")),
    "agentex": tuple((f"/spans{below}", "application/json") for below in ("", "", "/1", "/2", "/%33", "/")),
}
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "identity": bytes,
}


def request(rng: random.Random) -> bytes:
    """A request, of sound HTTP; its body may be odd, and may not be what its head says."""
    name = rng.choice(list(POSTS))
    path, content_type = rng.choice(POSTS[name])
    content = (odd_body if rng.random() < 0.5 else body)(rng, name if rng.random() < 0.95 else "span_json")
    if path.endswith("batch"):
        content = b'{"items":' + content + b"}"
    usual = "PATCH" if path.startswith("/spans/") else "POST"
    method = rng.choice(("POST", "PUT", "PATCH", "GET", "HEAD")) if rng.random() < 0.2 else usual
    lines = [f"{method} {path} HTTP/1.1"]
    lines += ["host: x", f"content-type: {content_type}"]
    if rng.random() < 0.3:
        encoding = rng.choice(list(ENCODINGS))
        content = ENCODINGS[encoding](content)
        lines.append(f"content-encoding: {encoding}")
        if rng.random() < 0.3:
            content = samples.mutant(rng, content, ODD["http"])
    for header in ("connection: close", "inspan-ack: durable", "expect: 100-continue", "x-selected-account-id: B"):
        lines += [header] if rng.random() < 0.05 else []
    if rng.random() < 0.3:
        pieces = [content[at : at + 50] for at in range(0, len(content), 50)]
        framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        return "\r\n".join([*lines, "transfer-encoding: chunked", "", ""]).encode() + framed
    said = len(content) + (rng.choice((-1, 1, 1 << 20, 1 << 40)) if rng.random() < 0.05 else 0)
    return "\r\n".join([*lines, f"content-length: {said}", "", ""]).encode() + content


def stream(rng: random.Random) -> bytes:
    """All that a client sends on one connection."""
    match rng.randrange(8):
        case 0:
            return rng.randbytes(rng.randrange(200))
        case 1:
            return request(rng) + rng.choice(list(BAD.values()))
        case 2 | 3:
            return samples.mutant(rng, request(rng), ODD["http"])
    return b"".join(request(rng) for _ in range(rng.randint(1, 3)))
