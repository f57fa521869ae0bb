"""An agent without an SDK: the standard library, one kept-alive connection over the unix socket.

As JSON it tells of each span twice, when it starts and when it ends; as OTLP once, a turn a post, when all has ended.
"""

import argparse
import http.client
import random
import socket
import sys
import time
from typing import Final

from inspan.wire import SPANS, TRACES
from inspan_collector.demo.agents.encode import as_json, as_otlp
from inspan_collector.demo.agents.report import Report, turns
from inspan_collector.demo.agents.story import turn
from inspan_collector.demo.agents.timeline import Copy, Timeline

TURNS: Final = 150.0  # a second; about 1,100 spans/s, which costs the machine little
TIMEOUT: Final = 10.0  # s for one post; the sidecar answers at once or is gone
PATIENCE: Final = 5.0  # s of refusals after which a post is given up
BUSY: Final = (429, 503)  # "send the same again", after the time that the answer says

Way = tuple[str, str, str]
WAYS: Final[dict[str, Way]] = {  # name, path, content type
    "json": ("JSON, starts and ends", SPANS, "application/json"),
    "otlp": ("plain OTLP posts", TRACES, "application/x-protobuf"),
}


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self.path = path

    def connect(self) -> None:
        """Connect to the path instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self.path)


class Agent:
    """Makes up turns, posts them, and keeps its own books. chance: of what it makes up."""

    def __init__(self, way: Way, connection: UnixConnection, chance: random.Random) -> None:
        name, self.path, self.content_type = way
        self.connection = connection
        self.chance = chance
        self.report = Report(name=name)
        self.open: set[str] = set()  # ids of spans whose start was accepted, and no end yet

    def tell_live(self, seconds: float) -> None:
        """Post each start and each end when it happens. What is open when the seconds are over ends then."""
        timeline = Timeline()
        for _ in turns(self.report, seconds, TURNS):
            now = time.time_ns()
            timeline.begin(turn(self.chance, now), now)
            self._tell(timeline.due(now))
        now = time.time_ns()
        self._tell(timeline.due(now))
        self._tell(timeline.close(now))

    def _tell(self, copies: list[Copy]) -> None:
        started = {copy.span.id for copy in copies if not copy.ended}
        ended = {copy.span.id for copy in copies if copy.ended}
        self.report.spans += len(started)
        if copies and self._post(as_json(copies), len(copies)):
            self.report.ended += len(ended)
            self.open |= started
            self.open -= ended
            self.report.running = len(self.open)

    def tell_afterwards(self, seconds: float) -> None:
        """Post a turn at a time, as OTLP: spans that have ended."""
        for _ in turns(self.report, seconds, TURNS):
            spans = turn(self.chance, time.time_ns())
            self.report.spans += len(spans)
            if self._post(as_otlp(spans, "demo-plain"), len(spans)):
                self.report.ended += len(spans)

    def _post(self, body: bytes, copies: int) -> bool:
        """Whether the copies are in the sidecar's custody."""
        self.report.copies += copies
        accepted = self._deliver(body)
        if accepted:
            self.report.accepted += copies
        else:
            self.report.lost += copies
        return accepted

    def _deliver(self, body: bytes) -> bool:
        give_up = time.monotonic() + PATIENCE
        while True:
            self.connection.request("POST", self.path, body, {"content-type": self.content_type})
            answer = self.connection.getresponse()
            words = answer.read()
            self.report.requests += 1
            if answer.status < 300:
                return True
            if answer.status not in BUSY or time.monotonic() > give_up:
                sys.stderr.write(f"{self.path} answered {answer.status}: {words[:200]!r}\n")
                return False
            time.sleep(float(answer.headers.get("retry-after-ms", "1000")) / 1000)


def main() -> int:
    """Post until the seconds are over. The last line says what became of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--speak", choices=WAYS, required=True)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    connection = UnixConnection(arguments.socket)
    chance = random.Random(arguments.seed)  # noqa: S311  # made-up spans, not secrets
    agent = Agent(WAYS[arguments.speak], connection, chance)
    (agent.tell_live if arguments.speak == "json" else agent.tell_afterwards)(arguments.seconds)
    connection.close()
    agent.report.say()
    return 0


if __name__ == "__main__":
    sys.exit(main())
