"""What must be true of the receiver on any bytes at all: an answer or the end, never a 500, and nothing kept."""

import asyncio
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.collector.receiver.rig import Sunk, random_pieces
from tests.collector.rig import Running
from tests.faults.mutants import stream

from inspan_collector.receiver.http1 import Connection
from inspan_collector.receiver.patchable import OVERHEAD

TURN: Final = 20  # connections after which the pipeline may run: fewer than fill its queue
STATUS: Final = re.compile(rb"(?<!\S)HTTP/1\.1 (\d{3}) ")
# 404 for what a mutation made of a path, 405 and 403 likewise; 100 where it was expected.
# 422 for what is no span of AgentEx's, 501 where one is to be read.
EXPECTED: Final = {100, 200, 202, 400, 403, 404, 405, 411, 413, 415, 417, 422, 429, 431, 501, 503}


async def check_receiver(folder: Path, rng: random.Random, inputs: int) -> Counter[int]:
    """Feed so many connections. Returns the answers by status. Fails with the bytes that broke a law."""
    answers: Counter[int] = Counter()
    files = {"name": "up", "kind": "file", "path": str(folder / "spans"), "batch": {"linger": 0}}
    limits = {"max_request_bytes": "1MiB", "max_span_bytes": "1KiB"}
    async with Running(folder, files, limits=limits, drain={"deadline": "20s"}) as running:
        for number in range(inputs):
            raw = stream(rng)
            try:
                answers.update(feed(running, random_pieces(rng, raw)))
            except Exception as error:
                raise AssertionError(f"{raw!r}") from error
            if number % TURN == 0:
                await asyncio.sleep(0)
        bugs = {name: reception.requests_refused["bug"] for name, reception in running.service.door.receptions.items()}
        assert not any(bugs.values()), (bugs, running.events())
        known = running.service.door.singles.patchable
        held = sum(len(span) + OVERHEAD for spans in (known.open, known.ended) for span in spans.values())
        assert known.bytes == held > 0
    books = running.books()
    assert books["enqueued"] == books["delivered"] + books["merged"] > 0, books
    return answers


def feed(running: Running, pieces: list[bytes]) -> list[int]:
    """One connection from its first byte to its end: the statuses that it was answered."""
    service = running.service
    connection = Connection(service.connections, service.door, service.memory)
    before, open_before = service.memory.custody, len(service.connections)
    transport: Any = Sunk()
    connection.connection_made(transport)
    for piece in pieces:
        if transport.closed:
            break
        connection.data_received(piece)
    held = service.memory.custody
    connection.connection_lost(None)
    assert service.memory.custody <= held and len(service.connections) == open_before
    statuses = [int(status) for status in STATUS.findall(b"".join(transport.written))]
    assert set(statuses) <= EXPECTED, statuses
    assert before <= held
    return statuses
