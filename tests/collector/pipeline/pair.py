"""Two destinations behind one intake in virtual time: one that upserts, and one that takes only what has ended."""

import asyncio
import random
from typing import Final

import msgspec
from tests.collector.pipeline.rig import config
from tests.collector.pipeline.upstream import Upstream

from inspan_collector.events import Events
from inspan_collector.formats import FORMATS, Format
from inspan_collector.memory import Memory
from inspan_collector.pipeline.destination import Destination
from inspan_collector.pipeline.intake import Intake
from inspan_collector.pipeline.pipeline import Pipeline
from inspan_collector.pipeline.portions import portion
from inspan_collector.receipt import Receipt

NAMES: Final = ("sgp", "ended")
MICROSECOND: Final = 6  # digits; the clock adds up waits, and the last digits depend on how many there were


class Recorder(Upstream):
    """Keeps each request with its time. upserts: of the exporter."""

    formats = frozenset({"span_json"})

    def __init__(self, *, upserts: bool) -> None:
        super().__init__()
        self.upserts = upserts
        self.puts: list[tuple[float, bytes]] = []

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        self.puts.append((now(), payload))
        return await super().send(format, payload, spans)


class Moment(msgspec.Struct, frozen=True):
    """What one destination looked like. books: the accounts that are not 0."""

    at: float
    books: dict[str, int]
    held_bytes: int
    working_bytes: int


class Pair:
    """Both pipelines, running. overrides: of both configurations."""

    def __init__(self, memory_bytes: int, **overrides: object) -> None:
        loop = asyncio.get_running_loop()
        configs = [config(name=name, **overrides) for name in NAMES]
        portions = portion(memory_bytes, configs)
        self.memory = Memory(portions.custody, portions.working)
        self.bounds = dict(zip(NAMES, portions.destinations, strict=True))
        self.upstreams = {name: Recorder(upserts=name == "sgp") for name in NAMES}
        self.pipelines: dict[str, Pipeline] = {}
        for each in configs:
            destination = Destination(
                each,
                self.upstreams[each.name],
                self.bounds[each.name],
                memory=self.memory,
                events=Events(wall=loop.time, clock=loop.time),
                crowded=lambda: True,
                clock=loop.time,
            )
            destination.gate.uniform = random.Random(0).uniform
            self.pipelines[each.name] = Pipeline(destination)
        self.intake = Intake([pipeline.destination for pipeline in self.pipelines.values()], self.memory, loop.time)
        self.running = [asyncio.create_task(pipeline.run()) for pipeline in self.pipelines.values()]
        self.answers: list[str | None] = []
        self.moments: dict[str, list[Moment]] = {name: [] for name in NAMES}

    def post(self, body: bytes, agent: str) -> None:
        """Offer one request, as the receiver would, and keep the answer."""
        if not self.memory.reserve(len(body)):
            self.answers.append("memory")
            return
        refusal = self.intake.offer("span_json", body, FORMATS["span_json"].scan(body), agent, len(body))
        if refusal is not None:
            self.memory.release(len(body))
        self.answers.append(refusal)

    def look(self) -> None:
        """Keep what is seen now, and check what must hold at every step."""
        for name, pipeline in self.pipelines.items():
            destination = pipeline.destination
            books = self.books(name)
            assert pipeline.imbalance() == 0
            assert books.get("enqueued", 0) == sum(books.values()) - books.get("enqueued", 0)
            assert destination.queue.held_bytes <= self.bounds[name].queue_bytes
            assert destination.queue.held_spans <= destination.queue.max_spans
            assert destination.room.used <= self.bounds[name].working_bytes
            moment = Moment(now(), books, destination.queue.held_bytes, destination.room.used)
            self.moments[name].append(moment)
        assert self.memory.custody <= self.memory.custody_limit

    async def watch(self, seconds: float, every: float) -> None:
        """Look again and again."""
        for _ in range(int(seconds / every)):
            await asyncio.sleep(every)
            self.look()

    def books(self, name: str) -> dict[str, int]:
        """The accounts that are not 0."""
        ledger = self.pipelines[name].destination.ledger
        return {account: count for account, count in ledger.snapshot().items() if count}

    async def drained(self) -> None:
        """Drain both, and see that nothing is kept."""
        for pipeline in self.pipelines.values():
            pipeline.drain()
        await asyncio.wait_for(asyncio.gather(*self.running), 3600)
        self.look()
        assert [p.destination.ledger.held() for p in self.pipelines.values()] == [0, 0]
        assert (self.memory.custody, self.memory.working) == (0, 0)


def now() -> float:
    """Loop time in seconds, to the microsecond."""
    return round(asyncio.get_running_loop().time(), MICROSECOND)
