"""An upstream that answers when it is told to, and remembers what it wrote, for two ways to be one."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import NamedTuple

from tests.collector.pipeline.upstream import Upstream, ids

from inspan_collector.errors import Isolate, Later, Pause
from inspan_collector.formats import Format
from inspan_collector.receipt import Receipt


class Copy(NamedTuple):
    """A span as it was posted. number: counts all that is posted."""

    number: int
    key: str
    ended: bool

    def beats(self, other: "Copy") -> bool:
        """Whether this is what counts where both are known, or the same."""
        return (self.ended, self.number) >= (other.ended, other.number)


def copies_of(format: str, body: bytes) -> list[Copy]:
    """What a body holds. Where spans are not updated, each is its own key."""
    if format == "span_json":
        return [Copy(span["n"], span["id"], "end_timestamp" in span) for span in json.loads(body)]
    return [Copy(number, str(number), True) for number in ids(format, body)]


class Attempt:
    """A request that waits for its answer."""

    def __init__(self, copies: list[Copy]) -> None:
        self.copies = copies
        self.verdict: asyncio.Future[str] = asyncio.get_running_loop().create_future()


class Parked(Upstream):
    """verdict: what is answered at once; empty: attempts wait for `answer`. poison: keys that it refuses for good."""

    def __init__(self, *, upserts: bool) -> None:
        super().__init__()
        self.upserts = upserts
        self.formats = frozenset({"span_json"} if upserts else {"otlp_protobuf"})
        self.verdict = ""
        self.parked: list[Attempt] = []
        self.poison: set[str] = set()
        self.writes: dict[str, list[Copy]] = defaultdict(list)
        self.acked: Counter[int] = Counter()  # in this life
        self.rejected: set[int] = set()
        self.again: Callable[[Copy], bool] = lambda copy: False  # whether it may be written once more

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        attempt = Attempt(copies_of(format.name, payload))
        keys = {copy.key for copy in attempt.copies}
        assert len(keys) == len(attempt.copies) == spans, "a key is in one body twice"
        assert not keys & {copy.key for other in self.parked for copy in other.copies}, "a key is in two attempts"
        self.parked.append(attempt)
        try:
            verdict = self.verdict or await attempt.verdict
        finally:
            self.parked.remove(attempt)
        return self._judge(attempt, verdict)

    def _judge(self, attempt: Attempt, verdict: str) -> Receipt:
        copies = attempt.copies
        if verdict == "later":
            raise Later("put off")
        if verdict == "pause":
            raise Pause("401")
        if verdict == "large" and len(copies) > 1:
            raise Isolate(413, "too large")
        if verdict == "refuse" or self.poison & {copy.key for copy in copies}:
            raise Isolate(400, "bad span")
        rejected = len(copies) // 2 if verdict == "partial" else 0
        self.rejected |= {copy.number for copy in copies[:rejected]}
        self.write(copies[rejected:])
        if verdict == "lost":
            raise Later("the answer was lost")
        for copy in copies:
            assert not self.acked[copy.number], f"{copy} was delivered twice in one life"
            self.acked[copy.number] += 1
        return Receipt(rejected, "partial" if rejected else "")

    def write(self, copies: list[Copy]) -> None:
        for copy in copies:
            self.writes[copy.key].append(copy)

    def answer(self, at: int, verdict: str) -> bool:
        """False where nothing waits for one."""
        if not self.parked:
            return False
        waiting = self.parked[at % len(self.parked)].verdict
        if not waiting.done():
            waiting.set_result(verdict)
        return True
