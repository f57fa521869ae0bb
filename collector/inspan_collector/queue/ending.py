"""Ends for spans of agents that are gone: they wait for nothing but for the copies of their span to be through."""

from collections.abc import Container, Hashable, Sequence
from typing import Final

from inspan_collector.batch import Limits
from inspan_collector.chunk import Chunk
from inspan_collector.formats import Head, span_json, span_patch
from inspan_collector.ledger import DROPPED_SHUTDOWN
from inspan_collector.memory import Memory
from inspan_collector.queue.bundle import KEY, Copies
from inspan_collector.queue.journal import Journal
from inspan_collector.queue.places import Places
from inspan_collector.queue.prints import Prints

TOGETHER: Final = 16  # ends in one attempt: each is a request of its own, one after the other
AT_ONCE: Final = 2  # attempts; the slots are for what agents say, who may have died with thousands of spans open
INTERRUPTED: Final = "interrupted"  # the agent of what we write in its place


class Ending(Places):
    """Places from which ends go out, as changes of spans that the upstream has."""

    def __init__(
        self,
        limits: Limits,
        hold_open: float,
        memory: Memory,
        journal: Journal | None = None,
        prints: Prints | None = None,
    ) -> None:
        super().__init__(limits, hold_open, memory, journal, prints)
        self.ends: set[Hashable] = set()  # in flight

    def _watch(self, agent: str, opened: Container[Hashable], heads: Sequence[Head], now: float) -> None:
        """Open copies were taken of a registered agent. Not those of which an ended copy waits: they say less."""
        unended = [head for head in heads if head.end_timestamp is None]
        begun = dict(zip(span_json.keys_of(unended), unended, strict=True))
        late = {key for key in begun if (there := self.by_key.get(key)) is not None and there.ended}
        self.openings.watch(agent, {k: head for k, head in begun.items() if k in opened and k not in late}, now)

    def _end_is_free(self) -> bool:
        """Whether an end can be taken: nothing of its span waits, is in flight, or may be on disk."""
        due = self.openings.due
        if not due or len(self.ends) >= AT_ONCE * TOGETHER or self.openings.held_back():
            return False
        return any(key not in self.by_key for key in due)

    def _take_ends(self, now: float) -> list[Chunk]:
        ends = self.openings.take(self.by_key, TOGETHER)
        # As of an open copy: a later one of any kind may change what the upstream has.
        chunk = self.keeper.chunk(INTERRUPTED, now, ends, (), ended=False, format=span_patch.name)
        self.keeper.memory.charge(chunk.size + KEY * chunk.spans)
        self.by_key.update(dict.fromkeys(ends))
        self.ends.update(ends)
        if self.prints is not None:
            self.prints.forget(ends)  # the upstream will not have what was posted any more
        return [chunk]

    def _ends_are_through(self, copies: Copies, fate: int) -> None:
        """Their spans are open no more; but at the end of our life the next one has to try again."""
        self.ends.difference_update(copies.keys)
        if fate != DROPPED_SHUTDOWN:
            self.openings.close(copies.keys)
