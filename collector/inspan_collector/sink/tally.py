"""What a sink has counted."""

import msgspec

from inspan_collector.sink.spans import Key
from inspan_collector.sink.verdict import Verdict


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers since the start or the last reset; the answer of `/count`.

    Of requests: `requests` arrived, `answered` by status, `resets` and `hung` got no whole answer, and `lost_answers`
    none although their spans were taken. A request whose sender left first is in `requests` alone. `/count`, `/ids`,
    `/rows`, `/reset` and `/behave` are not requests.

    spans: taken, which means answered 2xx and written, or taken and not answered; lost_spans: of the latter. unique:
    distinct (trace_id, span_id) among them; None where the sink was told not to look. rows: what the SGP store holds.
    running: rows of it that have no end. bytes: request bodies as they came. plain_bytes: the same, inflated.
    largest_batch: spans of the largest request taken. connections: opened. connections_open: now.
    """

    requests: int
    answered: dict[int, int]
    resets: int
    hung: int
    lost_answers: int
    lost_spans: int
    spans: int
    unique: int | None
    rows: int
    running: int
    bytes: int
    plain_bytes: int
    largest_batch: int
    connections: int
    connections_open: int


class Tally:
    """The running numbers behind a Count.

    unique: keep the keys of the spans taken. connections_before: opened before this tally began.
    """

    __slots__ = (
        "answered",
        "bytes",
        "connections_before",
        "hung",
        "keys",
        "largest_batch",
        "lost_answers",
        "lost_spans",
        "plain_bytes",
        "requests",
        "resets",
        "spans",
        "unique",
    )

    def __init__(self, *, unique: bool, connections_before: int = 0) -> None:
        self.unique = unique
        self.connections_before = connections_before
        self.requests = self.resets = self.hung = self.spans = 0
        self.lost_answers = self.lost_spans = 0
        self.bytes = self.plain_bytes = self.largest_batch = 0
        self.answered: dict[int, int] = {}
        self.keys: set[Key] = set()

    def __repr__(self) -> str:
        return f"<Tally {self.spans} spans of {self.requests} requests>"

    def settle(self, verdict: Verdict) -> None:
        """The answer is written: what it says is true from here on."""
        self.answered[verdict.status] = self.answered.get(verdict.status, 0) + 1
        self._take(verdict)

    def swallow(self, verdict: Verdict) -> None:
        """What an answer would have said is true, and nobody will hear it."""
        self.lost_answers += 1
        if verdict.accepted:
            self.lost_spans += verdict.spans
        self._take(verdict)

    def _take(self, verdict: Verdict) -> None:
        if not verdict.accepted:
            return
        self.spans += verdict.spans
        self.largest_batch = max(self.largest_batch, verdict.spans)
        if self.unique:
            self.keys.update(verdict.keys)
        if verdict.commit is not None:
            verdict.commit()

    def ids(self) -> list[str]:
        """The span ids of the spans taken, each key once; in hexadecimal where they came as bytes."""
        return [key[16:].hex() if isinstance(key, bytes) else key[1] for key in self.keys]

    def count(self, *, rows: int, running: int, connections: int, connections_open: int) -> Count:
        """The numbers, with those that others keep."""
        return Count(
            requests=self.requests,
            answered=dict(self.answered),
            resets=self.resets,
            hung=self.hung,
            lost_answers=self.lost_answers,
            lost_spans=self.lost_spans,
            spans=self.spans,
            unique=len(self.keys) if self.unique else None,
            rows=rows,
            running=running,
            bytes=self.bytes,
            plain_bytes=self.plain_bytes,
            largest_batch=self.largest_batch,
            connections=connections,
            connections_open=connections_open,
        )
