"""The course of the demo: start downstream first, play, stop upstream first, hear what everybody says last."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from inspan_collector.demo import scene
from inspan_collector.demo.agents.report import Report
from inspan_collector.demo.closing import Outcome
from inspan_collector.demo.observed import TIMEOUT, Books, Moment, Observer
from inspan_collector.demo.processes import Child, DemoError, Line, started

START: Final = 20.0  # s until a process must have said where it is; a busy machine takes 2
FLUSH: Final = 40.0  # s for an agent to end after its time; OpenTelemetry's shutdown may take 30
TICK: Final = 0.05  # s; the sidecar is stopped right after the last post, with spans still in its hands
WHY: Final = 1.0  # s to find out whether what went wrong is the sidecar's end
DRAIN: Final = 30.0  # s; the sidecar's own deadline is 20

Show = Callable[[Moment], None]


class Stage:
    """The processes, and what they have said. show: is given a moment every `interval` seconds."""

    def __init__(self, directory: Path, seconds: float, seed: int, show: Show, interval: float) -> None:
        self.directory = directory
        self.seconds = seconds
        self.seed = seed
        self.show = show
        self.interval = interval
        self.reports: dict[str, Report] = {}
        self.said: dict[str, Line] = {}  # what a process said of a kind, latest
        self.begin = self.next_look = 0.0
        self.moods = scene.moods(seconds, seed)
        self.mood = self.moods.pop(0)

    async def play(self) -> Outcome:
        """From the first process to the last. Raises DemoError."""
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession(timeout=TIMEOUT))
            sink = await stack.enter_async_context(started("the sink", self._sink(), self._hear("sink")))
            upstream = str((await self._word(sink, "sink"))["url"])
            sidecar = await stack.enter_async_context(
                started(
                    "the sidecar", self._sidecar(upstream), lambda line: self.said.update({line.get("kind", ""): line})
                )
            )
            observer = Observer(session, str((await self._word(sidecar, "ready"))["admin"]), upstream)
            await observer.behave(self.mood.behaviour)
            agents = [
                await stack.enter_async_context(started(f"the agent for {name}", told, self._listen(name)))
                for name, told in scene.agents(self.directory / "inspan.sock", self.seconds, self.seed).items()
            ]
            await self._watch(observer, sidecar, agents)
            exit_code = await self._drain(observer, sidecar)
            count = await observer.count()
            books = msgspec.convert(self.said["closed"]["ledger"], Books)
            said = {name: self.reports[name] for name in scene.DIALECTS}
            return Outcome(said, books, count, exit_code)

    # Starting

    def _sink(self) -> list[str]:
        return ["inspan_collector", "sink", "--listen", "127.0.0.1:0", "--json"]

    def _sidecar(self, upstream: str) -> list[str]:
        file = self.directory / "inspan.yaml"
        file.write_bytes(scene.configuration(self.directory / "inspan.sock", upstream))
        return ["inspan_collector", "run", "-c", str(file)]

    def _hear(self, kind: str) -> Callable[[Line], None]:
        return lambda line: self.said.update({kind: line})

    def _listen(self, name: str) -> Callable[[Line], None]:
        return lambda line: self.reports.update({name: msgspec.convert(line, Report)})

    async def _word(self, child: Child, kind: str) -> Line:
        """What a process says when it is ready."""
        end = time.monotonic() + START
        while kind not in self.said:
            if child.reading.done():
                raise child.failure("ended before it was ready")
            if time.monotonic() > end:
                raise child.failure(f"was not ready within {START:g} s")
            await asyncio.sleep(0.02)
        return self.said[kind]

    # Playing

    async def _watch(self, observer: Observer, sidecar: Child, agents: list[Child]) -> None:
        """Until the last agent has ended. Raises DemoError where one fails, or the sidecar does."""
        try:
            await self._go_on(observer, sidecar, agents)
        except DemoError:
            await asyncio.wait({sidecar.reading}, timeout=WHY)
            if sidecar.reading.done():  # then that is why, whatever was seen of it first
                raise sidecar.failure("ended while agents were posting") from None
            raise
        for agent in agents:
            if await agent.ended(FLUSH):
                raise agent.failure("failed")

    async def _go_on(self, observer: Observer, sidecar: Child, agents: list[Child]) -> None:
        self.begin = self.next_look = time.monotonic()
        while not all(agent.reading.done() for agent in agents):
            now = time.monotonic()
            await self._turn_mood(observer, now)
            if now >= self.next_look:
                self.next_look += self.interval
                await self._look(observer)
            if now - self.begin > self.seconds + FLUSH:
                raise DemoError(f"the agents did not end within {FLUSH:g} s after their time")
            if sidecar.reading.done():
                raise sidecar.failure("ended")
            await asyncio.sleep(TICK)

    async def _turn_mood(self, observer: Observer, now: float) -> None:
        if self.moods and now - self.begin >= self.moods[0].begin:
            self.mood = self.moods.pop(0)
            await observer.behave(self.mood.behaviour)

    async def _look(self, observer: Observer) -> None:
        moment = Moment(
            elapsed=time.monotonic() - self.begin,
            seconds=self.seconds,
            seed=self.seed,
            mood=self.mood,
            status=await observer.status(),
            count=await observer.count(),
            events=await observer.events(),
            agents={name: self.reports[name] for name in scene.DIALECTS if name in self.reports},
        )
        self.show(moment)

    # Stopping

    async def _drain(self, observer: Observer, sidecar: Child) -> int:
        """SIGTERM, and the sidecar's exit code when everything has its fate. Its last log line is the closed ledger."""
        await self._look(observer)
        sidecar.ask_to_end()
        exit_code = await sidecar.ended(DRAIN)
        if "closed" not in self.said:
            raise sidecar.failure(f"ended with {exit_code} and closed no books")
        return exit_code
