"""Spans that agents left open when they died: who is told, what is kept, and how it is said."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from inspan_collector.events import Events
from inspan_collector.liveness import COMPLETED, Registered, Registry
from inspan_collector.mirror.log import Log, read
from inspan_collector.queue.openings import End, Openings

SUFFIX: Final = "open"
RENEW: Final = 30.0  # s between tries to begin a log anew: 10,000 records and a file of 4 MiB take some 20 ms


class Orphans:
    """Sees to it that what a registered agent left open is ended, in every destination that can be updated.

    openings: by the name of their destination. wall: seconds since the epoch of a loop time. See registry.Kin.
    """

    def __init__(
        self,
        registry: Registry,
        openings: Mapping[str, Openings],
        wake: Callable[[str], None],
        events: Events,
        wall: Callable[[float], float],
    ) -> None:
        self.registry = registry
        self.openings = openings
        self.wake = wake
        self.events = events
        self.wall = wall
        self.strangers: dict[str, float] = {}  # agents of a former life that were not heard since, and when they were
        self._noted: dict[str, float] = {}
        self.logs: dict[str, Log] = {}
        self._renew_at = 0.0  # when a log in trouble is begun anew, in the registry's time
        self._said: set[str] = set()  # destinations of whose log it was said that it keeps nothing
        registry.kin = self

    def __repr__(self) -> str:
        return f"<Orphans of {len(self.openings)} destinations, {len(self.strangers)} strangers>"

    def begin(self, books: Path) -> None:
        """Take over what a former life knew to be open, and write down what we know. books: the file beside which."""
        for name, openings in self.openings.items():
            path = books.with_name(f"{books.name}.{SUFFIX}-{name}")
            former, trouble = read(path)
            openings.inherit(former)
            openings.wall = self.wall
            openings.log = self.logs[name] = Log(path, openings.records)
            for agent in openings.authors:
                self.strangers[agent] = max(openings.heard.get(agent, 0.0), self.strangers.get(agent, 0.0))
            if trouble:
                self._forgets(name, trouble)
        self._renew()

    def sweep(self) -> None:
        """Once in a while, behind the registry's own sweep."""
        self._renew()
        heard = {agent: self.wall(at) for agent, at in self.registry.heard().items()}
        news = {agent: at for agent, at in heard.items() if at != self._noted.get(agent)}
        self._noted = heard
        if news:
            for openings in self.openings.values():
                openings.seen(news)
        if self.strangers and self.registry.awake > self.registry.orphan_after:
            for agent, at in self.strangers.items():
                if agent not in self.registry:
                    self._end(agent, at, "was not heard of since this sidecar was restarted")
            self.strangers = {}

    def orphaned(self, agent: Registered) -> None:
        """See Kin."""
        self._end(agent.id, self.wall(agent.heard), "completed" if agent.state is COMPLETED else "fell silent")

    def returned(self, agent: Registered) -> None:
        """See Kin."""
        for openings in self.openings.values():
            openings.reclaim(agent.id)

    def _renew(self) -> None:
        """A disk that was full may have room again, and what did not fit may have ended."""
        again = False
        for name, log in self.logs.items():
            if log.trouble and self.registry.awake >= self._renew_at:
                log.renew()
                again = True
            if not log.trouble:
                self._said.discard(name)
            elif name not in self._said:
                self._said.add(name)
                self._forgets(name, log.trouble)
        if again:
            self._renew_at = self.registry.awake + RENEW

    def _forgets(self, name: str, why: str) -> None:
        self.events.record("open_spans", name, f"which spans are open is not known after a crash: {why}")

    def _end(self, agent: str, at: float, how: str) -> None:
        seen = datetime.fromtimestamp(at, UTC).isoformat()
        end = End(seen, f"the agent {how} and left this span open: it was last seen at {seen}")
        for name, openings in self.openings.items():
            if spans := openings.orphan(agent, end):
                message = f"agent {agent[:8]} {how}: its open spans are ended as interrupted"
                self.events.record("interrupted", name, message, spans=spans)
                self.wake(name)
