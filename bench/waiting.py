"""What it costs that copies wait by key: CPU for each, beside a queue that sends everything as it came, and memory.

In one process and without sockets, since the difference is what counts: the same posts go through the queue, the batch,
the join and the settling of both kinds, at the times at which an agent would post them. Run as
`python -m bench.waiting CORE`, in a process of its own, tuned as the sidecar's is.
"""

import asyncio
import gc
import os
import subprocess
import sys
import time
import tracemalloc
from collections import deque
from collections.abc import Hashable
from typing import Any, Final

import msgspec

from bench.contents import Contents
from bench.peers.inspan_agent import Agent
from bench.process import ROOT, Failed
from bench.rows_sink import ANSWER
from bench.schedule import SPANS, Planned, events, plan
from inspan_collector.batch import Batch, Limits
from inspan_collector.chunk import Chunk, Custody
from inspan_collector.cli.run import tune_process
from inspan_collector.config.destination import SGP_MAX_SPANS, UpsertConfig
from inspan_collector.formats import Scan, span_json
from inspan_collector.ledger import DELIVERED, DROPPED_SHUTDOWN, Ledger
from inspan_collector.memory import Memory
from inspan_collector.queue.lanes import Lanes
from inspan_collector.queue.noting import Noting
from inspan_collector.queue.prints import Prints
from inspan_collector.queue.queue import Queue
from inspan_collector.queue.upserts import Upserts
from inspan_collector.trail import Trail, statuses

MOMENT: Final = 0.05  # s that an agent's copies wait for company, which is how many come in one post
RATE: Final = 420.0  # requests per second, for so many seconds: 200,000 copies
SECONDS: Final = 20.0
SEED: Final = 20
TIMES: Final = 7
LINGER: Final = 0.25  # s
PLENTY: Final = 1 << 40
KEYS: Final = 50_000  # that wait at once, where memory is measured


class Post(msgspec.Struct, frozen=True):
    """What an agent posts at a time, scanned."""

    at: float
    body: bytes
    scan: Scan


class Waiting(msgspec.Struct, frozen=True):
    """What was measured. bytes_a_copy: of the posts. merging: seconds of CPU a copy beside a plain queue, in each run.
    plain: those of the plain queue. held, ready: bytes that a waiting key takes beside its body; alone: the same, where
    each came in a post of its own."""

    copies: int
    bytes_a_copy: float
    merging: list[float]
    plain: list[float]
    held: float
    ready: float
    alone: float


class Recorded:
    """Keeps what an agent records."""

    def __init__(self) -> None:
        self.copies: list[bytes] = []

    def record(self, span: dict[str, Any]) -> None:
        self.copies.append(msgspec.json.encode(span))


def posts(rate: float, seconds: float, seed: int) -> list[Post]:
    """The posts of an agent that follows a schedule, one each moment."""
    return asyncio.run(_posts(rate, seconds, seed))


async def _posts(rate: float, seconds: float, seed: int) -> list[Post]:
    spans = plan(rate, seconds, seed)
    recorded = Recorded()
    agent = Agent(recorded.record, spans, Contents(seed))
    made: list[Post] = []
    due = MOMENT
    for event in events(spans, seconds):
        if event.at >= due and recorded.copies:
            made.append(_post(due, recorded))
        due = max(due, MOMENT * (event.at // MOMENT + 1))
        await (agent.end(event.position) if event.ends else agent.start(event.position))
    return [*made, _post(due, recorded)]


def _post(at: float, recorded: Recorded) -> Post:
    body = b"[%b]" % b",".join(recorded.copies)
    recorded.copies.clear()
    return Post(at, body, span_json.scan(body))


class Run:
    """One queue, and an upstream that takes everything after a while.

    prints, trail: what is remembered of copies, where they merge. agent: who posts.
    """

    def __init__(
        self, *, merging: bool, prints: Prints | None = None, trail: Trail | None = None, agent: Hashable = "agent"
    ) -> None:
        self.agent = agent
        self.now = 0.0
        limits = Limits(SGP_MAX_SPANS, 4 << 20, LINGER)
        self.memory = Memory(PLENTY, PLENTY)
        hold_open = float(UpsertConfig().hold_open)
        self.waiting = Upserts(limits, hold_open, self.memory, prints=prints) if merging else Lanes(limits)
        self.queue = Queue(
            Ledger("bench"),
            self.waiting,
            limits,
            max_spans=PLENTY,
            max_bytes=PLENTY,
            evict=False,
            crowded=lambda: False,
        )
        self.flying: deque[tuple[float, list[Chunk]]] = deque()
        self.noting = None if trail is None else Noting(trail, lambda: self.now)
        if self.noting is not None and isinstance(self.waiting, Upserts):
            self.queue.trail = self.waiting.trail = self.noting

    def offer(self, post: Post) -> None:
        """As the intake does."""
        custody = Custody(len(post.body), self.memory.release)
        self.memory.reserve(len(post.body))
        chunk = custody.chunk(span_json.name, post.body, post.scan.spans, agent=self.agent, arrived=post.at)
        self.queue.offer(chunk, post.scan.heads)

    def go(self, now: float) -> None:
        """As the batcher and its deliveries do."""
        self.now = now
        while self.flying and self.flying[0][0] <= now:
            self.queue.settle(self.flying.popleft()[1], DELIVERED, now)
        while self.waiting.time_left(now) == 0 and (chunks := self.queue.take(4 << 20, now)):
            span_json.join([chunk.body for chunk in Batch(chunks).chunks])
            if self.noting is not None:
                self.noting.chunks(statuses.IN_FLIGHT, chunks, attempt=1)
            self.flying.append((now + ANSWER, chunks))

    def cpu(self, load: list[Post]) -> float:
        """Seconds of CPU for all posts."""
        gc.collect()
        before = time.process_time()
        for post in load:
            self.offer(post)
            self.go(post.at)
        self.waiting.stop_holding()
        now = load[-1].at
        while self.waiting.spans or self.flying:
            now += LINGER
            self.go(now)
        return time.process_time() - before


def per_key(load: list[Post], *, held: bool) -> float:
    """Bytes that a waiting key takes beside its body, as Python's allocators count them."""
    run = Run(merging=True)
    tracemalloc.start()
    for post in load:
        run.offer(post)
    assert isinstance(run.waiting, Upserts)
    if not held:
        run.waiting.relieve(PLENTY, PLENTY, 0.0)
    taken = (tracemalloc.get_traced_memory()[0] - run.waiting.size) / run.waiting.spans
    tracemalloc.stop()
    run.queue.empty(DROPPED_SHUTDOWN)
    return taken


def started(keys: int, together: int) -> list[Post]:
    """Posts of open copies, so many together, each with a key of its own."""
    return asyncio.run(_started(plan(RATE, keys / RATE / SPANS, SEED), together))


async def _started(spans: list[Planned], together: int) -> list[Post]:
    recorded = Recorded()
    agent = Agent(recorded.record, spans, Contents(SEED))
    made = []
    for position, span in enumerate(spans):
        await agent.start(position)
        if len(recorded.copies) == together:
            made.append(_post(span.start, recorded))
    return made


def main() -> None:
    """Print one line of JSON. argv: the core to run on."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    tune_process()
    opened = started(KEYS, SPANS)
    held, ready = per_key(opened, held=True), per_key(opened, held=False)
    alone = per_key(started(KEYS, 1), held=True)
    load = posts(RATE, SECONDS, SEED)
    copies = sum(post.scan.spans for post in load)
    plain, merging = [], []
    for _ in range(TIMES):
        plain.append(Run(merging=False).cpu(load) / copies)
        merging.append(Run(merging=True).cpu(load) / copies - plain[-1])
    size = sum(len(post.body) for post in load) / copies
    print(msgspec.json.encode(Waiting(copies, size, merging, plain, held, ready, alone)).decode())


def measure(core: int) -> Waiting:
    """Everything, in a process of its own on this core. Raises Failed."""
    argv = [sys.executable, "-m", "bench.waiting", str(core)]
    said = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
    if said.returncode:
        raise Failed(f"{' '.join(argv[1:])}: {said.stderr[-800:]}")
    return msgspec.json.decode(said.stdout, type=Waiting)


if __name__ == "__main__":
    main()
