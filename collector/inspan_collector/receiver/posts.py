"""Which posts we have had: so that one that is sent again, its answer lost, is answered again and not taken again."""

from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from typing import Final

from inspan_collector.receiver.asks import Pair
from inspan_collector.receiver.waits import ACCEPTED, DURABLE, Promise

RECALLED: Final = Promise(kept=True)  # durable since before a restart, and not counted yet as arrived

MAX_POSTS: Final = 16_384  # of all agents: 27 minutes at ten posts a second, where agents re-post within seconds


class Posts:
    """The last `limit` posts that were taken and can be known again, each with what is promised of it by now.

    Two agents may number alike. One agent's name must be new for each of its processes, since each counts from the
    beginning. reposted: how many posts were answered from here.
    """

    def __init__(self, limit: int = MAX_POSTS) -> None:
        self.limit = limit
        self.reposted = 0
        # In the order in which they were last seen. A dict would be searched from its front for the oldest.
        self._known: OrderedDict[bytes, Promise] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"<Posts {len(self._known)} of {self.limit}, {self.reposted} reposted>"

    def __contains__(self, pair: Pair | None) -> bool:
        return pair is not None and _key(pair) in self._known

    def find(self, pair: Pair) -> Promise | None:
        """What is promised of a post that we have had.

        RECALLED where that was in a former life, until it is taken again in this one.
        """
        key = _key(pair)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
        return known

    def take(self, pair: Pair, promise: Promise) -> None:
        """We have had it from now on. promise: ACCEPTED, where none more is asked for."""
        key = _key(pair)
        if promise.kept is None:
            promise.hear(partial(self._settled, key, promise))
        self._put(key, promise)

    def remember(self, pairs: Iterable[Pair]) -> None:
        """Know posts that are durable, from before a restart. pairs: oldest first."""
        for pair in pairs:
            self._put(_key(pair), RECALLED)

    def _put(self, key: bytes, promise: Promise) -> None:
        self._known[key] = promise
        if len(self._known) > self.limit:
            self._known.popitem(last=False)

    def _settled(self, key: bytes, promise: Promise, kept: bool) -> None:
        if self._known.get(key) is promise:
            self._known[key] = DURABLE if kept else ACCEPTED  # two for all, in place of one each


def _key(pair: Pair) -> bytes:
    """One object in place of three. A line break is in neither part."""
    return b"\n".join(pair)
