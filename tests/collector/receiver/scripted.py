"""A door whose disk does as a test says, without a socket and in virtual time."""

import asyncio
import json

from tests.collector.receiver.rig import Sunk
from tests.collector.sink.posts import otlp, otlp_json, sgp_span

from inspan_collector.formats import FORMATS, Scan
from inspan_collector.ledger import QueueRefusal
from inspan_collector.memory import Memory
from inspan_collector.pledge import Pledge
from inspan_collector.receiver.connections import Connections
from inspan_collector.receiver.connections import Limits as ConnectionLimits
from inspan_collector.receiver.door import Door, Limits
from inspan_collector.receiver.http1 import Connection

PROTOBUF, JSON, NDJSON = "application/x-protobuf", "application/json", "application/x-ndjson"
BOTH = {"inspan-agent": "an-agent", "inspan-sequence": "7"}
DURABLE = {"inspan-ack": "durable"}


class Disk:
    """An offer that takes what it is shown, unless told how to refuse. pledges: of all that was taken, in order."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.refusal: QueueRefusal | None = None
        self.trouble: str | None = None
        self.keeps: bool | None = None  # what it does at once; None: nothing
        self.pledges: list[Pledge | None] = []

    def offer(
        self, format: str, body: bytes, scan: Scan, agent: object, reserved: int, pledge: Pledge | None
    ) -> QueueRefusal | None:
        if self.refusal is not None:
            return self.refusal
        self.memory.release(reserved)
        self.pledges.append(pledge)
        if pledge is not None:
            pledge.expect()
            if self.keeps is not None:
                pledge.settle(kept=self.keeps)
        return None

    def settle(self, kept: bool, number: int = -1) -> None:
        pledge = self.pledges[number]
        assert pledge is not None
        pledge.settle(kept=kept)


class Scripted:
    """One door, its disk, and as many clients as a test likes. To be made on the loop."""

    def __init__(self, *, ack_timeout: float = 5.0, max_span_bytes: int = 1 << 20) -> None:
        self.memory = Memory(64 << 20, 0)
        self.disk = Disk(self.memory)
        self.notes: list[str] = []
        self.door = Door(
            self.disk.offer,
            self.memory,
            Limits(16 << 20, max_span_bytes),
            takes=list(FORMATS),
            fill=lambda: 0.0,
            note=lambda kind, dialect, message: self.notes.append(kind),
            durable=lambda: self.disk.trouble,
            ack_timeout=ack_timeout,
        )
        self.door.draining = False
        self.table = Connections(ConnectionLimits(), self.door, asyncio.get_running_loop())

    def client(self) -> "Client":
        return Client(Connection(self.table, self.door, self.memory))

    def post(self, *extra: dict[str, str], body: bytes | None = None, path: str = "/v1/traces") -> "Client":
        """One post on a connection of its own."""
        client = self.client()
        client.send(request(*extra, body=body, path=path))
        return client

    def books(self, dialect: str = "otlp") -> tuple[int, int, int]:
        """Received, accepted, refused spans."""
        book = self.door.receptions[dialect]
        assert book.imbalance() == 0
        return book.received, book.accepted, sum(book.refused.values())

    def requests(self, dialect: str = "otlp") -> dict[int, int]:
        return self.door.receptions[dialect].requests


class Client:
    """A connection without a socket."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.sunk = Sunk()
        connection.connection_made(self.sunk)  # type: ignore[arg-type]

    def send(self, raw: bytes) -> None:
        self.connection.data_received(raw)

    def leave(self) -> None:
        self.sunk.closed = True
        self.connection.connection_lost(None)

    @property
    def answers(self) -> list[bytes]:
        return self.sunk.written

    @property
    def answer(self) -> bytes:
        (only,) = self.sunk.written
        return only

    @property
    def status(self) -> int:
        return int(self.answer[9:12])


def request(*extra: dict[str, str], body: bytes | None = None, path: str = "/v1/traces") -> bytes:
    """Two spans in protobuf where nothing else is said."""
    body = otlp("a", "b") if body is None else body
    headers = {"host": "x", "content-type": PROTOBUF, "content-length": str(len(body))}
    for more in extra:
        headers |= more
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def of_each_dialect() -> dict[str, tuple[str, str, bytes]]:
    """Path, content type, body."""
    span = sgp_span("s1", end_timestamp="2026-11-21T01:09:42Z")
    text = json.dumps([span]).encode()
    return {
        "otlp protobuf": ("/v1/traces", PROTOBUF, otlp("a")),
        "otlp JSON": ("/v1/traces", JSON, otlp_json("a")),
        "spans": ("/v1/spans", JSON, text),
        "lines": ("/v1/spans", NDJSON, text[1:-1]),
        "sgp": ("/v5/spans/batch", JSON, b'{"items":%b}' % text),
        "agentex": ("/spans", JSON, text[1:-1].replace(b"_timestamp", b"_time")),
    }
