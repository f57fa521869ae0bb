"""An agent without an SDK: the standard library, one kept-alive connection over the unix socket, one post a turn."""

import argparse
import http.client
import random
import socket
import sys
import time
from collections.abc import Callable
from typing import Final

from inspan.wire import SPANS, TRACES
from inspan_collector.demo.agents.encode import as_json, as_otlp
from inspan_collector.demo.agents.report import Report, turns
from inspan_collector.demo.agents.story import Span, turn

TURNS: Final = 150.0  # a second; about 1,100 spans/s, which costs the machine little
TIMEOUT: Final = 10.0  # s for one post; the sidecar answers at once or is gone
PATIENCE: Final = 5.0  # s of refusals after which a turn is given up
BUSY: Final = (429, 503)  # "send the same again", after the time that the answer says

WAYS: Final[dict[str, tuple[str, str, str, Callable[[list[Span]], bytes]]]] = {
    "json": ("plain JSON posts", SPANS, "application/json", as_json),
    "otlp": ("plain OTLP posts", TRACES, "application/x-protobuf", lambda spans: as_otlp(spans, "demo-plain")),
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


def main() -> int:
    """Post until the seconds are over. The last line says what became of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--speak", choices=WAYS, required=True)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    name, path, content_type, encode = WAYS[arguments.speak]
    report = Report(name=name)
    connection = UnixConnection(arguments.socket)
    chance = random.Random(arguments.seed)  # noqa: S311  # made-up spans, not secrets
    for _ in turns(report, arguments.seconds, TURNS):
        spans = turn(chance, time.time_ns())
        report.made += len(spans)
        if _post(connection, path, content_type, encode(spans), report):
            report.accepted += len(spans)
        else:
            report.lost += len(spans)
    connection.close()
    report.say()
    return 0


def _post(connection: UnixConnection, path: str, content_type: str, body: bytes, report: Report) -> bool:
    """Whether the spans are in the sidecar's custody."""
    give_up = time.monotonic() + PATIENCE
    while True:
        connection.request("POST", path, body, {"content-type": content_type})
        answer = connection.getresponse()
        words = answer.read()
        report.requests += 1
        if answer.status < 300:
            return True
        if answer.status not in BUSY or time.monotonic() > give_up:
            sys.stderr.write(f"{path} answered {answer.status}: {words[:200]!r}\n")
            return False
        time.sleep(float(answer.headers.get("retry-after-ms", "1000")) / 1000)


if __name__ == "__main__":
    sys.exit(main())
