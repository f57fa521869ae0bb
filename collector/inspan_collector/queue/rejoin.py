"""Rows that come back from disk, and the copies of the same spans that they meet.

Which is the later one their seqs say. A row that is spooled is later than a copy of its span that is in flight: that
one was looked up on disk before it was sent.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, cast

import msgspec

from inspan_collector.chunk import Chunk, Custody
from inspan_collector.formats import Head, span_json
from inspan_collector.memory import Memory
from inspan_collector.queue.bundle import Copies, OwnBytes
from inspan_collector.queue.upserts import Upserts
from inspan_collector.row import Row

RECOVERED: Final = "spool"  # the agent of what was read back: who posted it is in its row, and may be long gone

Arrived = Callable[[float], float]  # the loop time of a time of the wall clock


class Rejoined(msgspec.Struct):
    """What became of rows. send: chunks to be in flight, of rows in `sent`. behind: rows that wait behind what is in
    flight, and bytes of memory that they take. lost: rows, by seq, that lost: each to what waits by this key, None
    where it lost to another row. late: waiting chunks that lost to a row. heads: of all rows, where they are copies;
    lost_keys: of those that lost.
    """

    send: list[Chunk] = []
    sent: list[Row] = []
    behind: list[Row] = []
    grown: int = 0
    lost: dict[int, Hashable | None] = {}
    late: list[Chunk] = []
    heads: list[Head] = []
    lost_keys: list[Hashable] = []


def beats(seq: int, ended: bool, other: int, other_ended: bool) -> bool:
    """Whether the first of two copies of a span is the one that counts: an ended one, else the later."""
    return (ended, seq) > (other_ended, other)


def chunks_of(rows: Sequence[Row], memory: Memory, arrived: Arrived) -> Rejoined:
    """Rows that nothing replaces, each a chunk again. Their bytes are charged."""
    chunks: list[Chunk] = []
    for row in rows:
        memory.charge(len(row.body))
        custody = Custody(len(row.body), memory.release)
        chunk = custody.chunk(row.format, row.body, row.spans, agent=RECOVERED, arrived=arrived(row.arrived))
        chunk.seqs = (row.seq,)
        chunks.append(chunk)
    return Rejoined(send=chunks, sent=list(rows))


def rejoin(upserts: Upserts, rows: Sequence[Row], arrived: Arrived) -> Rejoined:
    """Copies that come back: in flight, behind what is in flight, or merged with what waits."""
    came = Rejoined()
    ended: dict[Hashable, Row] = {}
    opened: dict[Hashable, Row] = {}
    for key, row in _latest(rows, came).items():
        there = upserts.by_key.get(key)
        if there is not None and not beats(row.seq, row.ended, upserts.seqs[key], there.ended):
            came.lost[row.seq] = key
            came.lost_keys.append(key)
            continue
        if there is not None:
            came.late += upserts.forget([key])
        if key in upserts.by_key:
            came.grown += upserts.follow(key, row, RECOVERED, arrived(row.arrived))
            came.behind.append(row)
        else:
            (ended if row.ended else opened)[key] = row
    for copies in (ended, opened):
        if copies:
            came.send.append(upserts.in_flight(copies, RECOVERED, arrived))
            came.sent += copies.values()
    return came


def _latest(rows: Sequence[Row], came: Rejoined) -> dict[Hashable, Row]:
    """One row of each span: of several an ended one, else the last. The others have lost."""
    latest: dict[Hashable, Row] = {}
    came.heads = span_json.heads(span_json.array_of([row.body for row in rows]))
    for key, row in zip(span_json.keys_of(came.heads), rows, strict=True):
        before = latest.get(key)
        if before is not None:
            loser = before if beats(row.seq, row.ended, before.seq, before.ended) else row
            came.lost[loser.seq] = None
            came.lost_keys.append(key)
            if loser is row:
                continue
        latest[key] = row
    return latest


class Claim(msgspec.Struct):
    """What became of copies that were taken, when the rows of their spans were looked up.

    lost: rows, by seq, that lost to the copy with the other seq. chunks: what is left to be sent. late: copies that
    lost to a row, which stays where it is.
    """

    lost: dict[int, int]
    chunks: list[Chunk]
    late: list[Chunk]


def claim(chunks: Sequence[Copies], found: Sequence[tuple[Hashable, int, bool]]) -> Claim:
    """Taken copies meet the rows of their spans: (key, seq, whether it has ended), in order."""
    where = {key: (chunk, seq) for chunk in chunks for key, seq in zip(chunk.keys, chunk.seqs, strict=True)}
    lost: dict[int, int] = {}
    losers: dict[int, set[Hashable]] = {}
    for key, row, ended in found:
        chunk, seq = where[key]
        if beats(row, ended, seq, chunk.ended):
            losers.setdefault(id(chunk), set()).add(key)
        else:
            lost[row] = seq
    made = Claim(lost, [], [])
    for chunk in chunks:
        if id(chunk) not in losers:
            made.chunks.append(chunk)
            continue
        late, left = _parted(chunk, losers[id(chunk)])
        made.late.append(late)
        made.chunks += [left] if left.spans else []
    return made


def _parted(chunk: Copies, keys: set[Hashable]) -> tuple[Copies, Copies]:
    """(the copies of these keys, the others)."""
    copies: Mapping[Hashable, bytes] = dict(zip(chunk.keys, span_json.spans_of(chunk.body), strict=True))
    seqs = dict(zip(chunk.keys, chunk.seqs, strict=True))
    keeper = cast(OwnBytes, chunk.keeper)

    def part(chosen: list[Hashable]) -> Copies:
        bodies = {key: copies[key] for key in chosen}
        own = [seqs[key] for key in chosen]
        return keeper.chunk(chunk.agent, chunk.arrived, bodies, own, ended=chunk.ended)

    return part([key for key in chunk.keys if key in keys]), part([key for key in chunk.keys if key not in keys])
