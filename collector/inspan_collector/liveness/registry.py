"""The registered agents: who lives, who has said goodbye, who fell silent.

Silence is counted in time that *we* were awake. A sidecar that was stopped for two minutes, or paged out, has heard
nobody, and that says nothing of them: their beats wait in the socket.
"""

import heapq
from typing import Final, Protocol

from inspan_collector.liveness.registered import COMPLETED, LOST, RUNNING, STATES, Registered
from inspan_collector.liveness.services import Services
from inspan_collector.liveness.told import Registration, Report

SWEEP: Final = 1.0  # s between sweeps: exact enough for silences of tens of seconds; 0.1 ms for MAX_AGENTS
MAX_STEP: Final = 2.0  # s that one sweep adds at most: a loop that was late by more was not awake
ORPHAN_AFTER: Final = 60.0  # s; see upsert.orphan_after
FORGET: Final = 600.0  # s of silence on top, after which a lost agent will not come back: time enough to be debugged
# As many as connections by default: a pod has tens of agents at once, and each takes 1 KB. What makes thousands is a
# process for each task, of which few run at a time.
MAX_AGENTS: Final = 1024


class Kin(Protocol):
    """Who has to do with the spans that agents leave open."""

    def orphaned(self, agent: Registered) -> None:
        """It will not end its spans: it is lost, or it completed and has left them open."""
        ...

    def returned(self, agent: Registered) -> None:
        """It was lost, and is back."""
        ...


class Note(Protocol):
    """How it is said that something happened: an event of this kind, at a service."""

    def __call__(self, kind: str, place: str, message: str, *, spans: int = 0) -> None: ...


def _nobody(kind: str, place: str, message: str, *, spans: int = 0) -> None:
    """Nobody listens."""


class Registry:
    """At most `limit` agents, by id, and the totals of their services.

    orphan_after: seconds of silence after which an agent is lost. awake: seconds that we have been; what `seen` of an
    agent is measured in.
    """

    def __init__(self, orphan_after: float = ORPHAN_AFTER, note: Note = _nobody, limit: int = MAX_AGENTS) -> None:
        self.orphan_after = orphan_after
        self.note = note
        self.limit = limit
        self.kin: Kin | None = None
        self.services = Services()
        self.awake = 0.0
        self._by_id: dict[bytes, Registered] = {}  # in the order in which they came to their state
        self._swept: float | None = None
        # Who is heard now may have been heard just before the next sweep: nobody is lost too early.
        self._now_at_most = MAX_STEP

    def __len__(self) -> int:
        return len(self._by_id)

    def __repr__(self) -> str:
        shown = " ".join(f"{count} {state}" for state, count in self.counts().items())
        return f"<Registry {shown}, at most {self.limit}>"

    # What agents do

    def hear(self, agent_id: bytes) -> Registered | None:
        """A sign of life of whoever has this id; None where nobody has."""
        agent = self._by_id.get(agent_id)
        if agent is not None:
            agent.seen = self._now_at_most
            agent.heard = self._swept or 0.0
            if agent.orphaned:
                agent.orphaned = False
                if self.kin is not None:
                    self.kin.returned(agent)
            if agent.state is LOST:
                self._turn(agent, RUNNING)
                self.note("agent_back", agent.service, f"{_shown(agent)} was lost, and speaks again")
        return agent

    def register(self, told: Registration) -> Registered | None:
        """The agent of this id, known from now on or for long; None where all that we may remember are running."""
        agent_id = told.registration_id.encode()
        agent = self.hear(agent_id)
        if agent is None and self._make_room():
            agent = self._by_id[agent_id] = self._registered(told)
            if self.kin is not None:
                self.kin.returned(agent)
        return agent

    def _registered(self, told: Registration) -> Registered:
        return Registered(told, self.services.of(told.service), self._now_at_most, self._swept or 0.0)

    def beat(self, agent_id: bytes, report: Report) -> bool:
        """It lives, and counts; False where nobody has this id."""
        agent = self.hear(agent_id)
        if agent is not None and agent.state is RUNNING:
            agent.tell(report)
        return agent is not None

    def complete(self, agent_id: bytes, report: Report) -> bool:
        """It ends, with these numbers; a second time changes nothing. False where nobody has this id."""
        agent = self.hear(agent_id)
        if agent is not None and agent.state is RUNNING:
            agent.tell(report)
            agent.write_off()
            self._turn(agent, COMPLETED)
        return agent is not None

    # What time does

    def sweep(self, now: float) -> None:
        """Lose those who have been silent for too long, and forget the lost. To be told often. now: seconds."""
        if self._swept is not None:
            self.awake += min(now - self._swept, MAX_STEP)
        self._swept = now
        self._now_at_most = self.awake + MAX_STEP
        for agent in list(self._by_id.values()):
            silent = self.awake - agent.seen > self.orphan_after
            if silent and not agent.orphaned:
                self._orphan(agent)
            if silent and agent.state is RUNNING:
                self._turn(agent, LOST)
                message = f"{_shown(agent)} was silent for {self.orphan_after:g} s: it may be dead"
                self.note("agent_lost", agent.service, message, spans=agent.missing)
            elif agent.state is LOST and self.awake - agent.seen > self.orphan_after + FORGET:
                self._forget(agent)

    # Looking

    def counts(self) -> dict[str, int]:
        """How many are remembered, by state."""
        found = dict.fromkeys(STATES, 0)
        for agent in self._by_id.values():
            found[agent.state] += 1
        return found

    def silence(self, agent: Registered) -> float:
        """Seconds of silence, counted as late as it can have begun."""
        return max(0.0, self.awake - agent.seen)

    def last(self, most: int) -> list[Registered]:
        """Those heard last, the latest first."""
        return heapq.nlargest(most, self._by_id.values(), key=lambda agent: agent.seen)

    def queued(self) -> dict[str, int]:
        """Spans that running agents hold, by service."""
        found = dict.fromkeys(self.services.known, 0)
        for agent in self._by_id.values():
            if agent.state is RUNNING:
                found[agent.service] += agent.queued
        return found

    def missing(self) -> dict[str, int]:
        """Spans of lost agents that may still come, by service."""
        found = dict.fromkeys(self.services.known, 0)
        for agent in self._by_id.values():
            if agent.state is LOST:
                found[agent.service] += agent.missing
        return found

    def __contains__(self, agent_id: str) -> bool:
        """Whether an agent of this id is remembered, in whatever state."""
        return agent_id.encode() in self._by_id

    def heard(self) -> dict[str, float]:
        """When each that is not lost was heard last: loop times in seconds, not later than it was."""
        return {agent.id: agent.heard for agent in self._by_id.values() if not agent.orphaned}

    # Turning

    def _turn(self, agent: Registered, state: str) -> None:
        agent.state = state
        agent_id = agent.id.encode()
        self._by_id[agent_id] = self._by_id.pop(agent_id)  # to the end: it is the latest of its state

    def _make_room(self) -> bool:
        """Forget the agent of which the least is lost; False where all are running."""
        if len(self._by_id) < self.limit:
            return True
        for state in (COMPLETED, LOST):
            oldest = next((agent for agent in self._by_id.values() if agent.state is state), None)
            if oldest is not None:
                self._forget(oldest)
                return True
        return False

    def _orphan(self, agent: Registered) -> None:
        agent.orphaned = True
        if self.kin is not None:
            self.kin.orphaned(agent)

    def _forget(self, agent: Registered) -> None:
        if agent.state is LOST:
            agent.write_off()
        if not agent.orphaned:
            self._orphan(agent)
        del self._by_id[agent.id.encode()]


def _shown(agent: Registered) -> str:
    return f"{agent} (pid {agent.pid})" if agent.pid else str(agent)
