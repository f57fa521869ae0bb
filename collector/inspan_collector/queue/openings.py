"""Spans that registered agents have begun and nobody has ended, so that they can be ended where nobody will.

Told of every copy that is sent, by its key. What is known is in a log that outlives the process, where there is one.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, cast

import msgspec
from msgspec.json import Decoder

from inspan_collector.formats import json_text, span_json, span_patch

# Of one destination; with their keys some 5 MB. An agent has as many open as its calls are deep and wide, and a pod
# has tens of agents.
MAX_OPEN: Final = 10_000
MAX_TEXT: Final = 1024  # characters of a key; SGP takes ids of 256
MAX_GONE: Final = 1024  # as many as are remembered by name
OPENED: Final = 0  # records of the log
CLOSED: Final = 1
SEEN: Final = 2

Record = tuple[Any, ...]


class Log(Protocol):
    """What outlives the process: records, in the order in which they were written."""

    def write(self, records: Sequence[Record]) -> None:
        """Keep these, behind those of before."""
        ...


class _Words(msgspec.Struct):
    message: str


class _Ended(msgspec.Struct):
    end_timestamp: str
    output: _Words


_ended: Final = Decoder(_Ended)


class End(msgspec.Struct, frozen=True, gc=False):
    """How the spans of an agent that is gone are ended. seen: when it was heard last, RFC 3339. words: why."""

    seen: str
    words: str


class Openings:
    """At most `limit` open spans, the oldest forgotten first: `unwatched` counts these, and nobody will end them.

    due: those that are to be ended, and how.
    """

    def __init__(self, limit: int = MAX_OPEN) -> None:
        self.limit = limit
        self.open: dict[Hashable, str] = {}  # by key, the agent that posted it last
        self.due: dict[Hashable, End] = {}
        self.gone: dict[str, End] = {}  # agents that are, whose starts may wait here still; the latest
        self.unwatched = 0
        self.authors: dict[str, int] = {}  # how many each has open
        self.heard: dict[str, float] = {}  # when each of them was heard last, in seconds since the epoch
        self.wall: Callable[[float], float] = lambda at: at  # seconds since the epoch of a loop time
        self.log: Log | None = None

    def __repr__(self) -> str:
        return f"<Openings {len(self.open)} open, {len(self.due)} due, {self.unwatched} unwatched>"

    # What is taken

    def watch(self, agent: str, begun: Iterable[Hashable], now: float) -> None:
        """Open copies of these keys are of a registered agent: who posted last is to end them. now: loop time."""
        records: list[Record] = []
        for key in begun:
            before = self.open.get(key)
            if before == agent:
                continue
            if len(key if isinstance(key, str) else "".join(cast(tuple[str, str], key))) > MAX_TEXT:
                self.unwatched += 1
                continue
            if before is not None:
                self._one_fewer(before)
                self.due.pop(key, None)
            if agent not in self.authors:
                self.authors[agent] = 0
                self.heard[agent] = self.wall(now)
                records.append((SEEN, agent, self.heard[agent]))
            self.authors[agent] += 1
            self.open[key] = agent
            if agent in self.gone:
                self.due[key] = self.gone[agent]
            records.append((OPENED, key, agent))
        self._write(records)
        if len(self.open) > self.limit:
            oldest = list(self.open)[: len(self.open) - self.limit]
            self.unwatched += len(oldest)
            self.close(oldest)

    def ended(self, keys: Collection[Hashable]) -> None:
        """The upstream has the ends of these, whoever posted them."""
        if self.open and (keys := self.open.keys() & keys):
            self.close(keys)

    def close(self, keys: Collection[Hashable]) -> None:
        """These are not open any more, or of no concern."""
        gone = {key: agent for key in keys if (agent := self.open.pop(key, None)) is not None}
        for key, agent in gone.items():
            self.due.pop(key, None)
            self._one_fewer(agent)
        self._write([(CLOSED, key) for key in gone])

    # Agents that are gone

    def _one_fewer(self, agent: str) -> None:
        self.authors[agent] -= 1
        if not self.authors[agent]:
            del self.authors[agent]
            self.heard.pop(agent, None)

    def orphan(self, agent: str, end: End) -> int:
        """Whoever has this id will not end its spans: they are due. Returns how many."""
        self.gone[agent] = end
        if len(self.gone) > MAX_GONE:
            del self.gone[next(iter(self.gone))]
        left = [key for key, author in self.open.items() if author == agent]
        self.due.update(dict.fromkeys(left, end))
        return len(left)

    def reclaim(self, agent: str) -> None:
        """It is back, and ends its spans by itself."""
        self.gone.pop(agent, None)
        for key in [key for key in self.due if self.open.get(key) == agent]:
            del self.due[key]

    def refused(self, body: bytes) -> None:
        """Ends that were refused are to be tried once more. body: in the format span_patch. Raises MalformedChunk."""
        for head, span in zip(span_patch.scan(body).heads, span_json.spans_of(body), strict=True):
            ended = json_text.decode(_ended, span)
            (key,) = span_json.keys_of([head])
            self.due[key] = End(ended.end_timestamp, ended.output.message)

    def take(self, busy: Mapping[Hashable, object], most: int) -> dict[Hashable, bytes]:
        """The ends of spans that are due, but for those of which something is under way. They are due no more."""
        free = [key for key in self.due if key not in busy][:most]
        return {key: _patch(key, self.due.pop(key)) for key in free}

    # What outlives us

    def inherit(self, former: Iterable[Record]) -> None:
        """What a former life wrote is still so. Before anything is taken."""
        self.open, heard = _replayed(former)
        for agent in self.open.values():
            self.authors[agent] = self.authors.get(agent, 0) + 1
        self.heard = {agent: at for agent, at in heard.items() if agent in self.authors}

    def records(self) -> list[Record]:
        """What is so now, for a log that begins anew."""
        seen: list[Record] = [(SEEN, agent, at) for agent, at in self.heard.items()]
        return seen + [(OPENED, key, agent) for key, agent in self.open.items()]

    def seen(self, heard: Mapping[str, float]) -> None:
        """These agents were heard, at so many seconds since the epoch."""
        here = {agent: at for agent, at in heard.items() if agent in self.authors}
        self.heard |= here
        self._write([(SEEN, agent, at) for agent, at in here.items()])

    def _write(self, records: Sequence[Record]) -> None:
        if records and self.log is not None:
            self.log.write(records)


def _replayed(records: Iterable[Record]) -> tuple[dict[Hashable, str], dict[str, float]]:
    opened: dict[Hashable, str] = {}
    seen: dict[str, float] = {}
    for kind, *rest in records:
        if kind == OPENED:
            opened[_key(rest[0])] = rest[1]
        elif kind == CLOSED:
            opened.pop(_key(rest[0]), None)
        elif kind == SEEN:
            seen[rest[0]] = rest[1]
    return opened, seen


def _key(key: Any) -> Hashable:
    return tuple(key) if isinstance(key, list) else cast(Hashable, key)


def _patch(key: Hashable, end: End) -> bytes:
    """A change of one span, in the format span_patch: it ends, and nothing else of it changes."""
    trace_id, span_id = key.split("\0") if isinstance(key, str) else cast(tuple[str, str], key)
    return msgspec.json.encode(
        {
            "id": span_id,
            "trace_id": trace_id,
            "end_timestamp": end.seen,
            "status": "ERROR",
            "output": {"error": "interrupted", "message": end.words},
        }
    )
