"""Agents of one kind that share a load: one process cannot always follow its schedule alone."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from bench.agents import Agent, Kind, Load
from bench.outcome import Ran, Span


class Fleet:
    """Running agents, each with its part of the rate and a schedule of its own. core: of the first; the others take
    turns on both, since what needs several needs more than one core. Errors: Failed."""

    def __init__(self, kind: Kind, target: str, load: Load, core: int, scratch: Path) -> None:
        cores = sorted(load.cores, key=lambda each: each != core)
        self.agents: list[Agent] = []
        with contextlib.ExitStack() as stack:
            for number, part in enumerate(parts(load)):
                agent = Agent(kind, target, part, cores[number % len(cores)], scratch)
                self.agents.append(stack.enter_context(agent))
            for agent in self.agents:
                agent.ready()
            self.stack = stack.pop_all()

    def __repr__(self) -> str:
        return f"<Fleet {self.agents!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.close()

    def run(self) -> Ran:
        """Follow the schedules, and hand over all that was recorded."""
        self.begin()
        return self.finish()

    def begin(self) -> None:
        """Follow them; `finish` says how it went."""
        for agent in self.agents:
            agent.begin()

    def finish(self) -> Ran:
        """When all that was recorded is handed over."""
        return together([agent.finish() for agent in self.agents])

    def spans(self) -> list[Span]:
        """What they recorded."""
        return [span for agent in self.agents for span in agent.spans()]


def parts(load: Load) -> list[Load]:
    """Of a load, one for each process. Each has a seed of its own, or their spans would have the same traces."""
    return [
        msgspec.structs.replace(load, rate=load.rate / load.processes, seed=load.seed + number, processes=1)
        for number in range(load.processes)
    ]


def together(rans: Sequence[Ran]) -> Ran:
    """Sums, and of what has none the worst."""
    return Ran(
        began=min(ran.began for ran in rans),
        finished=max(ran.finished for ran in rans),
        behind=max(ran.behind for ran in rans),
        cpu=sum(ran.cpu for ran in rans),
        copies=sum(ran.copies for ran in rans),
        missed=sum(ran.missed for ran in rans),
        reposts=sum(ran.reposts for ran in rans),
        dropped=sum(ran.dropped for ran in rans),
        closing=max(ran.closing for ran in rans),
        lag=max((ran.lag for ran in rans if ran.lag), key=lambda lag: lag.p99, default=None),
        processes=sum(ran.processes for ran in rans),
    )
