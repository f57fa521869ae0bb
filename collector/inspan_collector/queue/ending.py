"""Ends for spans of agents that are gone: they wait for nothing but for the copies of their span to be through."""

from collections.abc import Hashable, Iterable
from typing import Final

from inspan_collector.chunk import Chunk
from inspan_collector.formats import span_patch
from inspan_collector.ledger import DROPPED_SHUTDOWN
from inspan_collector.liveness import Registered
from inspan_collector.queue.bundle import KEY, Copies
from inspan_collector.queue.places import Places
from inspan_collector.trail import statuses

TOGETHER: Final = 16  # ends in one attempt: each is a request of its own, one after the other
AT_ONCE: Final = 2  # attempts; the slots are for what agents say, who may have died with thousands of spans open
INTERRUPTED: Final = "interrupted"  # the agent of what we write in its place


class Ending(Places):
    """Places from which ends go out, as changes of spans that the upstream has."""

    def _watch(self, agent: Hashable, opened: Iterable[Hashable], now: float) -> None:
        """Open copies that the upstream will have, or that are on disk. Not those of which an ended one waits: they say
        less. Short spans are not watched, since most end while they are held."""
        if isinstance(agent, Registered):
            begun = [key for key in opened if (there := self.by_key.get(key)) is None or not there.ended]
            self.openings.watch(agent.id, begun, now)

    def _say_nothing(self, copies: dict[Hashable, bytes], agent: Hashable, now: float, *, ended: bool) -> int:
        """Take out the copies that tell the upstream nothing new. Returns their count."""
        if self.prints is None or not copies:
            return 0
        if self.spooled():  # a copy on disk that came later may change what the upstream has
            self.prints.forget(copies)
            return 0
        said = self.prints.judge(copies, now, ended=ended)
        if self.trail is not None:
            self.trail.note(statuses.MERGED, said.known)
            self.trail.note(statuses.INVALIDATED, said.changed)
        for key in said.known:
            del copies[key]
        if not ended and said.known:
            self.openings.ended(said.over)
            self._watch(agent, [key for key in said.known if key not in said.over], now)
        self.merged_bundles += not copies
        return len(said.known)

    def _end_is_free(self) -> bool:
        """Whether an end can be taken: nothing of its span waits, is in flight, or may be on disk."""
        due = self.openings.due
        if not due or len(self.ends) >= AT_ONCE * TOGETHER or self.spooled():
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
