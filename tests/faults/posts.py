"""Posts that a test makes one by one, where a process of agents would be too many."""

import json
import random
from pathlib import Path
from typing import Final

from tests.e2e.process import get
from tests.e2e.sink_process import SinkProcess
from tests.faults.agents import Bodies
from tests.sidecar import Answer, Sidecar

from inspan_collector.spool.store import Store

PATHS: Final = {"otlp": "/v1/traces", "json": "/v1/spans"}
SIZE: Final = 200  # bytes of text in a span
TYPES: Final = {"otlp": "application/x-protobuf", "json": "application/json"}


class Poster:
    """Posts spans that no Poster of another number makes, and remembers which were acked."""

    def __init__(self, seed: int, number: int = 1, *, durable: bool = False, kind: str = "otlp") -> None:
        self.number = number
        self.bodies = Bodies(number, SIZE, random.Random(seed))
        self.kind = kind
        self.asks = {"inspan-ack": "durable"} if durable else {}
        self.ids: set[int] = set()

    def body(self, spans: int) -> tuple[range, bytes]:
        """(numbers of the spans, a body with them)."""
        first, body = self.bodies.next(self.kind, spans)
        return range(first, first + spans), body

    def post(self, sidecar: Sidecar, spans: int, **asks: str) -> Answer:
        """One post. asks: headers, with `_` for `-`."""
        numbers, body = self.body(spans)
        return self.send(sidecar, numbers, body, **asks)

    def send(self, sidecar: Sidecar, numbers: range, body: bytes, **asks: str) -> Answer:
        """A post of this body."""
        headers = {"content-type": TYPES[self.kind], **self.asks}
        answer = sidecar.post(PATHS[self.kind], body, headers | {k.replace("_", "-"): v for k, v in asks.items()})
        if answer[0] < 300:
            self.ids |= {self.number << 40 | number for number in numbers}
        return answer

    def fill(self, sidecar: Sidecar, posts: int, spans: int) -> int:
        """So many posts, each of which must be taken. Returns their spans."""
        for _ in range(posts):
            status, _, body = self.post(sidecar, spans)
            assert status < 300, body
        return posts * spans

    def missing(self, sink: SinkProcess) -> set[int]:
        """Ids that were acked and are not upstream."""
        return self.ids - {int(text, 16) for text in json.loads(get(sink.url + "/ids"))}


def on_disk(path: Path) -> int:
    """Spans of all destinations in a spool's file, seen from outside."""
    store = Store.read_only(path)
    try:
        return sum(total.spans for total in store.totals().values())
    finally:
        store.close()
