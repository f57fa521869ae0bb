"""A working fake of an upstream, at the exporter's seam: it keeps what it took and misbehaves as told."""

import asyncio
import random
from collections.abc import Callable, Sequence

from inspan_collector.errors import Isolate, Later, Pause
from inspan_collector.formats import FORMATS, Format
from inspan_collector.receipt import Receipt

Rule = Callable[["Upstream", list[bytes]], None]


def otlp_spans(numbers: Sequence[int], name: bytes = b"n") -> bytes:
    """An ExportTraceServiceRequest with one span for each number, which is its id."""
    out = b""
    for number in numbers:
        span = b"\n\x10" + number.to_bytes(16, "big") + b"\x12\x08" + number.to_bytes(8, "big")
        span += b"\x2a" + bytes([len(name)]) + name
        scope = b"\x12" + bytes([len(span)]) + span
        resource = b"\x12" + bytes([len(scope)]) + scope
        out += b"\n" + bytes([len(resource)]) + resource
    return out


def json_spans(numbers: Sequence[int], name: bytes = b"n") -> bytes:
    """An array with one ended span for each number, which is its id."""
    spans = (
        b'{"id":"%d","trace_id":"t","name":"%b","end_timestamp":"2026-01-01T00:00:00Z"}' % (number, name)
        for number in numbers
    )
    return b"[" + b",".join(spans) + b"]"


def ids(format: str, body: bytes) -> list[int]:
    """The numbers of the spans of a body, read without our own scanners."""
    if format == "span_json":
        import json

        return [int(span["id"]) for span in json.loads(body)]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest.FromString(body)
    return [
        int.from_bytes(span.span_id, "big")
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


TIMEOUT = 10.0  # s; as the real exporters have


class Upstream:
    """Takes everything, unless a rule raises first.

    rules: each is called with (upstream, ids) and may raise a decision. delay: seconds of an answer.
    """

    formats = frozenset({"otlp_protobuf", "span_json"})
    upserts = False
    working = 2

    def __init__(self, *rules: Callable[["Upstream", list[int]], None], delay: float = 0.01) -> None:
        self.rules = list(rules)
        self.delay = delay
        self.taken: list[int] = []
        self.requests: list[list[int]] = []
        self.in_hand = 0
        self.most_in_hand = 0

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    def room(self, format: Format, size: int, spans: int) -> int:
        return size * self.working

    def faults(self, format: Format, body: bytes) -> list[tuple[int, str]]:
        return format.faults(body)

    async def encode(self, format: Format, body: bytes) -> bytes:
        return body

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        found = ids(format.name, payload)
        assert len(found) == spans
        self.requests.append(found)
        self.in_hand += 1
        self.most_in_hand = max(self.most_in_hand, self.in_hand)
        try:
            await asyncio.sleep(min(self.delay, TIMEOUT))
            if self.delay >= TIMEOUT:
                raise Later("no answer within 10 s")
            rejected = 0
            for rule in self.rules:
                rejected += rule(self, found) or 0
        finally:
            self.in_hand -= 1
        self.taken.extend(found[rejected:])
        return Receipt(rejected, "partial" if rejected else "")

    def connections(self) -> tuple[int, int]:
        return 0, 0


class Upserting(Upstream):
    """One where a later copy of a span replaces the earlier one."""

    formats = frozenset({"span_json"})
    upserts = True


def poison(*numbers: int, status: int = 400) -> Callable[[Upstream, list[int]], None]:
    """Refuse a request that holds one of these spans."""

    def rule(_: Upstream, found: list[int]) -> None:
        if set(numbers) & set(found):
            raise Isolate(status, "bad span")

    return rule


def refuse_everything(status: int = 400) -> Callable[[Upstream, list[int]], None]:
    def rule(_: Upstream, found: list[int]) -> None:
        raise Isolate(status, "no")

    return rule


def reset_on(*numbers: int) -> Callable[[Upstream, list[int]], None]:
    """Break the connection whenever one of these spans is present."""

    def rule(_: Upstream, found: list[int]) -> None:
        if set(numbers) & set(found):
            raise Later("ServerDisconnectedError")

    return rule


def at_most(spans: int) -> Callable[[Upstream, list[int]], None]:
    """413 to larger batches."""

    def rule(_: Upstream, found: list[int]) -> None:
        if len(found) > spans:
            raise Isolate(413, "too large")

    return rule


def chaos(rng: random.Random, share: float) -> Callable[[Upstream, list[int]], int]:
    """Each kind of trouble with the same chance; `share` of the requests in all."""

    def rule(upstream: Upstream, found: list[int]) -> int:
        if rng.random() > share:
            return 0
        match rng.randrange(6):
            case 0:
                raise Later("503")
            case 1:
                raise Later("429", retry_after=rng.choice([0.0, 1.0, 1000.0]))
            case 2:
                raise Isolate(rng.choice([400, 409, 413, 422]), "refused by chance")
            case 3:
                raise Pause("401")
            case 4:
                return rng.randint(0, len(found))
            case _:
                raise RuntimeError("a defect of the exporter")

    return rule


assert FORMATS  # the fake speaks the real formats
