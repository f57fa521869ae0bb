"""What the sidecar is told of this agent: that it lives, and what it lost before the socket.

Pure: says what to ask next and hears the answers.
"""

import os
from typing import Final

import msgspec

from inspan.answer import Answer
from inspan.buffer import Counts
from inspan.wire import AGENTS, BEAT, COMPLETE, HEARTBEAT

UNKNOWN: Final = 404  # to a beat: a sidecar that has not heard of us. To a registration: one that knows no agents


class Liveness:
    """One agent's registration, heartbeats and completion.

    agent: the registration id, which also names its posts. A beat is due after a connection, and then every BEAT
    seconds: a sidecar that is new knows nothing of us.
    """

    def __init__(self, agent: str, service: str, version: str) -> None:
        self.agent = agent
        self.service = service
        self.version = version
        self.registered = False
        self.due = 0.0  # time of the next beat
        self._forgotten = False  # it was, since we registered, and again on one connection it would be each time
        self._reported = {"recorded": 0, "dropped": dict[str, int]()}  # what a sidecar has confirmed to have counted
        self._told = self._reported
        self._path = AGENTS

    def __repr__(self) -> str:
        return f"<Liveness {self.agent} {'registered' if self.registered else 'unknown yet'}>"

    def connected(self) -> None:
        """On a new connection, which may be to a new sidecar."""
        self.due = 0.0
        self._forgotten = False

    def beat(self, counts: Counts) -> tuple[str, bytes]:
        """(path, body) of what is to be said now: who we are, or that we live."""
        if not self.registered:
            return self._say(AGENTS, self._introduction(counts))
        return self._say(f"{AGENTS}/{self.agent}/{HEARTBEAT}", self._numbers(counts))

    def completion(self, counts: Counts) -> tuple[str, bytes]:
        """(path, body) of the last words. To be said once registered."""
        return self._say(f"{AGENTS}/{self.agent}/{COMPLETE}", self._numbers(counts))

    def answered(self, answer: Answer, now: float) -> None:
        """Of the last thing that was said."""
        self.due = now + BEAT
        if 200 <= answer.status < 300:
            if self._path == AGENTS:
                self.registered = True
                self.due = now  # the numbers so far
            else:
                self._reported = self._told
        elif answer.status == UNKNOWN and self._path != AGENTS:
            self.registered = False
            if not self._forgotten:
                self.due = now
            self._forgotten = True

    def _say(self, path: str, words: dict[str, object]) -> tuple[str, bytes]:
        self._path = path
        return path, msgspec.json.encode(words)

    def _introduction(self, counts: Counts) -> dict[str, object]:
        return {
            "registration_id": self.agent,
            "service": self.service,
            "pid": os.getpid(),
            "version": self.version,
            "reported": {**self._reported, "accepted": counts.accepted},
        }

    def _numbers(self, counts: Counts) -> dict[str, object]:
        dropped = {reason: count for reason, count in counts.dropped.items() if count}
        self._told = {"recorded": counts.recorded, "dropped": dropped}
        return {**self._told, "queued": counts.queued + counts.in_flight}
