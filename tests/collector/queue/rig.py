"""A queue whose copies wait by key, and the bytes it holds."""

import json
from collections import deque
from collections.abc import Hashable
from typing import Any

from inspan_collector.batch import Limits
from inspan_collector.chunk import Chunk, Custody
from inspan_collector.formats import span_json
from inspan_collector.ledger import DELIVERED, IN_FLIGHT, Ledger
from inspan_collector.memory import Memory
from inspan_collector.queue.bundle import BEHIND, HELD, READY
from inspan_collector.queue.prints import Prints
from inspan_collector.queue.queue import Queue
from inspan_collector.queue.upserts import Upserts

END = "2026-01-01T00:00:00Z"


class UpsertRig:
    """Copies are written `a` for an open one, `a.` for one that has ended, with a number behind it to tell them apart,
    and the trace in front where that matters: `u/a.2`.
    """

    def __init__(
        self,
        *,
        max_spans: int = 100,
        max_bytes: int = 100_000,
        evict: bool = False,
        batch: tuple[int, int, float] = (10, 10_000, 0.25),
        hold_open: float = 2.0,
        prints: Prints | None = None,
    ) -> None:
        self.ledger = Ledger("up")
        self.memory = Memory(1 << 20, 1 << 20)
        self.wakes = 0
        limits = Limits(*batch)
        self.waiting = Upserts(limits, hold_open, self.memory, prints=prints)
        self.queue = Queue(
            self.ledger,
            self.waiting,
            limits,
            max_spans=max_spans,
            max_bytes=max_bytes,
            evict=evict,
            crowded=lambda: False,
        )
        self.queue.wake = self._wake

    def _wake(self) -> None:
        self.wakes += 1

    def post(self, *copies: str, at: float = 0.0, agent: Hashable = "a") -> str | None:
        """One request, as the intake offers it."""
        body = json.dumps([span(copy) for copy in copies]).encode()
        custody = Custody(len(body), self.memory.release)
        assert self.memory.reserve(len(body))
        chunk = custody.chunk("span_json", body, len(copies), agent=agent, arrived=at)
        refusal = self.queue.offer(chunk, span_json.heads(body))
        if refusal is not None:
            chunk.keeper.let_go(chunk)
        self.check()
        return refusal

    def bodies(self, *copies: str) -> list[bytes]:
        """These as they are posted."""
        return [json.dumps(span(copy)).encode() for copy in copies]

    def take(self, at: float = 0.0, max_bytes: int = 10_000) -> list[Chunk]:
        taken = self.queue.take(max_bytes, at)
        self.check(taken_last=taken)
        return taken

    def settle(self, *chunks: Chunk, fate: int = DELIVERED, at: float = 0.0) -> None:
        self.queue.settle(chunks, fate, at)
        self.check()

    def left(self, at: float) -> float | None:
        left = self.waiting.time_left(at)
        return None if left is None else round(left, 6)

    def check(self, taken_last: list[Chunk] | None = None) -> None:
        """The books, the bounds, and what the three places hold agree with one another."""
        queue, waiting = self.queue, self.waiting
        held = [bundle for bundle in waiting.holding if bundle.copies]
        ready = [bundle for bundle in waiting.ready if bundle.copies]
        behind = waiting.behind
        flying = {key for key, bundle in waiting.by_key.items() if bundle is None} | behind.keys()
        assert self.ledger.imbalance(waiting.count(), len(flying)) == 0
        assert {key: bundle for bundle in [*held, *ready, *behind.values()] for key in bundle.copies} == {
            key: bundle for key, bundle in waiting.by_key.items() if bundle is not None
        }
        assert len(held) + len(ready) + len(behind) == len({id(bundle) for bundle in [*held, *ready, *behind.values()]})
        assert {bundle.place for bundle in behind.values()} <= {BEHIND}
        assert all(bundle.copies.keys() == {key} for key, bundle in waiting.behind.items())
        assert waiting.spans == waiting.count()
        assert [bundle.since for bundle in held] == sorted(bundle.since for bundle in held)
        assert not any(bundle.ended or bundle.place != HELD for bundle in held)
        assert waiting.holding == deque() or waiting.holding[0].copies
        assert waiting.ready == deque() or waiting.ready[0].copies
        assert waiting.ready_spans == sum(len(bundle.copies) for bundle in ready)
        assert waiting.ready_size == sum(bundle.size for bundle in ready)
        assert all(bundle.place == READY for bundle in ready)
        every = [*held, *ready, *waiting.behind.values()]
        assert all(b.size == sum(len(body) + 1 for body in b.copies.values()) for b in every)
        assert waiting.size == sum(bundle.size for bundle in every)
        assert queue.held_bytes == sum(queue.held_by.values()) == self.memory.custody
        assert queue.held_spans == self.ledger.held() == waiting.spans + self.ledger.balances[IN_FLIGHT]
        assert queue.held_spans <= queue.max_spans and queue.held_bytes <= queue.max_bytes

    def books(self) -> dict[str, int]:
        return {name: count for name, count in self.ledger.snapshot().items() if count}


def span(copy: str) -> dict[str, Any]:
    name, dot, _ = copy.partition(".")
    trace, _, id_ = name.rpartition("/")
    found: dict[str, Any] = {"id": id_.rstrip("0123456789"), "trace_id": trace or "t", "copy": copy}
    return found | ({"end_timestamp": END} if dot else {})


def waiting_names(rig: UpsertRig) -> list[str]:
    """Of every copy that waits, by arrival."""
    bundles = sorted(rig.waiting._all(), key=lambda bundle: bundle.arrived)
    return [json.loads(body)["copy"] for bundle in bundles for body in bundle.copies.values()]


def ready_names(rig: UpsertRig) -> list[str]:
    """Of those that are ready, in their order."""
    return [json.loads(body)["copy"] for bundle in rig.waiting.ready for body in bundle.copies.values()]


def names(chunks: list[Chunk]) -> list[str]:
    """What `post` was told, of taken copies."""
    return [span["copy"] for chunk in chunks for span in json.loads(chunk.body)]
