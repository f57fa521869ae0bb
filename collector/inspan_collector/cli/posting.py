"""Gives rows to a sidecar over the agents' socket, one after the other, until it has taken each or refused it for good.

A post that broke off is made again under the same number, which a sidecar that took it knows.
"""

import http.client
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from inspan.wire import ACK, AGENT, CUSTODY, SEQUENCE, SPANS, TRACES
from inspan_collector.cli.asking import Failed
from inspan_collector.cli.send import UnixConnection
from inspan_collector.row import Row

# s without one row taken: an upstream that is down fills the queue, and then only its return makes room. Long enough
# for a restart of either; and a replay that stops can be taken up again.
PATIENCE: Final = 300.0
WAIT: Final = 1.0  # s before the next try, where the sidecar does not say
LONGEST: Final = 30.0  # s, whatever it says: who watches should see that it goes on

ROUTES: Final = {
    "otlp_protobuf": (TRACES, "application/x-protobuf"),
    "otlp_json": (TRACES, "application/json"),
    "span_json": (SPANS, "application/json"),
}


class Reply(NamedTuple):
    """status: 0 where none came. custody: what the sidecar holds; empty where it does not say."""

    status: int
    custody: str
    retry_after: float
    words: str


class Poster:
    """Posts rows. durable: whether to ask for that; not any more once a sidecar gives nothing but its memory.

    weak: how many rows were taken that are not known to be on the sidecar's disk.
    """

    def __init__(
        self, socket: Path, *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.socket = socket
        self.sleep = sleep
        self.clock = clock
        self.agent = f"replay-{uuid.uuid4().hex}"
        self.durable = True
        self.weak = 0
        self.connection: UnixConnection | None = None

    def close(self) -> None:
        """Hang up."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def give(self, row: Row) -> str | None:
        """None where the row was taken, else why it never will be. Raises Failed where the sidecar has no room."""
        if row.format not in ROUTES:
            return f"no dialect speaks {row.format}"
        end = self.clock() + PATIENCE
        while True:
            asked = self.durable
            reply = self._post(row, durable=asked)
            if reply.status == 503 and asked and reply.custody != "accepted":
                # No spool, or a disk in trouble; or it is draining, and says so to the second question too.
                asked = False
                reply = self._post(row, durable=asked)
                self.durable = not _taken(reply)
            if _taken(reply):
                self.weak += not asked or reply.status == 503
                return None
            if reply.status not in (0, 408, 429, 502, 503, 504):
                return f"{reply.status} {reply.words}"
            if self.clock() + reply.retry_after > end:
                raise Failed(f"{self.socket}: {reply.words or reply.status}; nothing was taken for {PATIENCE:g} s")
            self.sleep(reply.retry_after)

    def _post(self, row: Row, *, durable: bool) -> Reply:
        path, content_type = ROUTES[row.format]
        headers = {"content-type": content_type, AGENT: self.agent, SEQUENCE: str(row.seq)}
        if durable:
            headers[ACK] = "durable"
        try:
            if self.connection is None:
                self.connection = UnixConnection(self.socket)
            self.connection.request("POST", path, row.body, headers)
            answer = self.connection.getresponse()
            words = answer.read().decode("utf-8", "replace")
        except (FileNotFoundError, PermissionError) as error:
            self.close()
            raise Failed(f"{self.socket}: {error.strerror}; is a sidecar running (inspan run)?") from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return Reply(0, "", WAIT, str(getattr(error, "strerror", None) or error or type(error).__name__))
        return Reply(answer.status, answer.headers.get(CUSTODY, ""), _retry_after(answer.headers), words)


def _taken(reply: Reply) -> bool:
    return 200 <= reply.status < 300 or (reply.status == 503 and reply.custody == "accepted")


def _retry_after(headers: http.client.HTTPMessage) -> float:
    """Seconds that the sidecar asks for."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        said = headers.get(name, "")
        if said.isascii() and said.isdecimal():
            return min(int(said) / unit, LONGEST)
    return WAIT
