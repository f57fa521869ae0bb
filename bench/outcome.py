"""What became of an agent's spans: what it recorded beside what the upstream received.

A span that is still open when the load ends has started, and has no end to lose: it is left out of the writes per
span, the latency and the loss, and counts where open spans do.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from bench.holding import Holding
from bench.quantile import quantile
from bench.rows import Account, Row
from bench.rows_sink import ANSWER

TRANSPORT: Final = 0.2  # s; the agent posts every 20 ms, and two processes share a core with their neighbours
NS: Final = 1e9


class Span(NamedTuple):
    """As recorded: CLOCK_MONOTONIC in ns, ended 0 where it was still open when the load ended."""

    trace_id: str
    id: str
    started: int
    ended: int


class Lag(msgspec.Struct, frozen=True):
    """How late the agent's loop was, in seconds: of so many ticks, one each millisecond."""

    p50: float
    p99: float
    most: float
    ticks: int


class Ran(msgspec.Struct, frozen=True):
    """What an agent says of its load. began, finished: CLOCK_MONOTONIC in ns. behind: seconds after the schedule, at
    worst. cpu: its seconds until all was handed over. copies: recorded. missed: it had no time to record. reposts:
    posts that it made again. dropped: copies, by its own count. closing: seconds that handing over the rest took.
    lag: where it was asked for. processes: whose sum this is."""

    began: int
    finished: int
    behind: float
    cpu: float
    copies: int
    missed: int
    reposts: int = 0
    dropped: int = 0
    closing: float = 0
    lag: Lag | None = None
    processes: int = 1


class Outcome(msgspec.Struct, frozen=True):
    """spans: recorded. unended: of those, still open at the end. lost: ended, and no end arrived. unseen: still open,
    and no copy arrived. writes: of an ended span. longer: the share of ended spans that took longer than hold_open.
    running: spans that ran beyond the time by which they should be visible; late: of those, not seen by then;
    lateness: seconds beyond hold_open and linger, at worst. requests, copies: per second of load. size: bytes in all.
    delays: seconds from an end to its reception, in order. delivered: ended spans received, per second of load.
    together: copies of a request."""

    spans: int
    unended: int
    lost: int
    unseen: int
    overtaken: int
    writes: float
    longer: float
    running: int
    late: int
    lateness: float
    requests: float
    copies: float
    size: int
    delays: list[float]
    delivered: float = 0
    together: float = 0

    def delay(self, share: float) -> float:
        """Seconds below which this share of the delays lies."""
        return quantile(self.delays, share)


def outcome(spans: Sequence[Span], account: Account, ran: Ran, holding: Holding) -> Outcome:
    """Compare."""
    rows = {(trace_id, span_id): row for trace_id, span_id, row in account.rows}
    ended = [(span, rows.get((span.trace_id, span.id))) for span in spans if span.ended]
    arrived = [(span, row) for span, row in ended if row is not None and row.ended]
    lengths = [(span.ended - span.started) / NS for span, _ in ended]
    late = list(lateness(spans, rows, ran.finished, holding))
    load = (ran.finished - ran.began) / NS
    return Outcome(
        spans=len(spans),
        unended=len(spans) - len(ended),
        lost=len(ended) - len(arrived),
        unseen=sum(not span.ended and (span.trace_id, span.id) not in rows for span in spans),
        overtaken=account.overtaken,
        writes=_mean([row.writes for _, row in arrived]),
        longer=_mean([length > holding.hold_open for length in lengths]),
        running=len(late),
        late=sum(seconds > ANSWER + TRANSPORT for seconds in late),
        lateness=max(late, default=float("nan")),
        requests=sum(post.at <= ran.finished for post in account.posts) / load,
        copies=ran.copies / load,
        size=sum(post.size for post in account.posts),
        delays=sorted((row.ended - span.ended) / NS for span, row in arrived),
        delivered=sum(row.ended <= ran.finished for _, row in arrived) / load,
        together=_mean([post.copies for post in account.posts]),
    )


def lateness(
    spans: Sequence[Span], rows: dict[tuple[str, str], Row], finished: int, holding: Holding
) -> Iterator[float]:
    """Of each span that ran beyond the time by which it should be visible: when it was, in seconds after hold_open and
    linger were over. One that never was is as late as its end, or that of the load."""
    allowed = holding.longest + ANSWER + TRANSPORT
    for span in spans:
        until = span.ended or finished
        if (until - span.started) / NS > allowed:
            row = rows.get((span.trace_id, span.id))
            seen = until if row is None else row.first
            yield (seen - span.started) / NS - holding.longest


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
