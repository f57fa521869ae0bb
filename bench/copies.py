"""Posts of an agent's starts and ends for as long as a load lasts, no span twice, at next to no cost.

One text of a post, with places for its number: the spans that it starts are those that the next post of the same
connection ends. So most starts meet their end, as those of an agent with short calls do.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from bench.contents import AGENT, Contents
from inspan_collector.formats import span_json
from inspan_collector.row import Row

SEED: Final = 20
STARTED: Final = 25  # spans; with as many ends 34 KB a post, near the 36 of 100 spans in OTLP
STARTS: Final = b"s-post------"  # where the number of this post goes, and that of the one before
ENDS: Final = b"e-post------"
NUMBER: Final = b"%04x%08x"  # of the connection and of the post; as long as the places


def post() -> bytes:
    """The text, with its places."""
    contents = Contents(SEED)
    starts = [_copy(contents, position, STARTS.decode(), ended=False) for position in range(STARTED)]
    ends = [_copy(contents, position, ENDS.decode(), ended=True) for position in range(STARTED)]
    return msgspec.json.encode([*ends, *starts])


def numbered(text: bytes, connection: int) -> Iterator[bytes]:
    """The posts of one connection."""
    number = 0
    while True:
        start, end = NUMBER % (connection, number + 1), NUMBER % (connection, number)
        yield text.replace(STARTS, start).replace(ENDS, end)
        number += 1


def rows(count: int, first: int, destination: str, arrived: float) -> Iterator[Row]:
    """So many ended copies as a sidecar that was killed left them on disk. first: their first seq."""
    contents = Contents(SEED)
    texts = [msgspec.json.encode(_copy(contents, position, ENDS.decode(), ended=True)) for position in range(1000)]
    for index in range(count):
        body = texts[index % len(texts)].replace(ENDS, NUMBER % (0, index))
        (key,) = span_json.keys_of(span_json.scan(b"[%b]" % body).heads)
        mark = span_json.fingerprint(key)
        yield Row(first + index, destination, span_json.name, 1, arrived, "bench", body, mark, ended=True)


def _copy(contents: Contents, position: int, number: str, *, ended: bool) -> dict[str, Any]:
    content = contents[position]
    span: dict[str, Any] = {
        "name": content.name,
        "id": f"{position:08x}-0000-4000-8000-{number}",
        "trace_id": f"00000000-0000-4000-8000-{number}",
        "start_timestamp": "2026-01-01T00:00:00.000000+00:00",
        "input": content.input,
        "output": content.output if ended else {},
        "metadata": content.metadata | AGENT,
        "status": "SUCCESS",
        "type": content.kind,
    }
    return span | {"end_timestamp": "2026-01-01T00:00:01.000000+00:00"} if ended else span
