"""What a client has in one process: a forked child starts with a new one, and empty."""

import _thread
import os
from pathlib import Path
from typing import Final

import msgspec

from inspan import leaving
from inspan.bell import Bell
from inspan.buffer import Buffer
from inspan.delivery import BATCH
from inspan.dialects import Entry
from inspan.encoding import Encoder
from inspan.liveness import Liveness
from inspan.sender import Sender

LEAST_BYTES: Final = 64 * 1024  # a few spans with their prompts
LONGEST_LINGER: Final = 60.0  # s; what waits is lost if the agent is killed


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a client was made with. Bytes, and seconds; see `inspan.Client`. Raises ValueError."""

    places: list[Path]
    service: str
    version: str
    max_bytes: int
    max_span_bytes: int
    linger: float

    def __post_init__(self) -> None:
        if self.max_bytes < LEAST_BYTES:
            raise ValueError(f"max_bytes: {self.max_bytes} holds no span worth sending; at least {LEAST_BYTES}")
        if not 0 <= self.linger <= LONGEST_LINGER:
            raise ValueError(f"linger: {self.linger} is not from 0 to {LONGEST_LINGER:g} seconds")


class Life:
    """Buffer, encoder and sender of one process. Its thread is started by the first span.

    noted: how many spans had something `replaced` or `shortened`.
    """

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.agent = os.urandom(16).hex()  # new for each process, since each counts its posts from the beginning
        self.noted = {"replaced": 0, "shortened": 0}
        self.encode = Encoder(terms.max_span_bytes, self._note).encode
        self.bell = Bell()
        self.buffer = Buffer(terms.max_bytes, min(BATCH, terms.max_bytes // 2), self.bell.ring)
        liveness = Liveness(self.agent, terms.service, terms.version)
        self.sender = Sender(self.buffer, liveness, terms.places, self.bell, terms.linger)
        self.put = self.buffer.put
        self.started = False

    def __repr__(self) -> str:
        return f"<Life {self.agent} {self.buffer!r}>"

    def keep(self, entry: Entry) -> bool:
        """See Buffer.put."""
        if not self.started:
            self.start()
        return self.put(entry)

    def lose(self, reason: str, why: str) -> bool:
        """Count a span that could not even be encoded, and have it said. False."""
        self.sender.losses.explain(reason, why)
        if not self.started:
            self.start()
        self.buffer.lose(reason)
        return False

    def flush(self, timeout: float) -> bool:
        """See Client.flush."""
        return self.sender.flushing.wait(timeout) if self.started else not self.buffer.counts().queued

    def end(self, deadline: float) -> None:
        """Take no more, send what there is, and end at `deadline` (monotonic seconds). Does not wait."""
        self.buffer.close()
        self.sender.end(deadline)

    def wait(self) -> None:
        """Until that end."""
        if not self.started:
            if not self.buffer.counts().recorded:
                return
            self.sender.run()  # there is no thread, and there may be none any more
        self.sender.wait()

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.sender.is_over or not (self.started or self.buffer.counts().recorded)

    def forget_parent(self) -> None:
        """In a forked child: end our half of a connection that is the parent's."""
        self.sender.connection.close()

    def start(self) -> None:
        """Have the thread started, without waiting for it as threading.Thread would. It is not joined at exit."""
        try:
            leaving.arm()
            _thread.start_new_thread(self.sender.run, ())  # of two that start at once, one goes home
            self.started = True
        except RuntimeError:  # no thread is to be had, or the interpreter ends: the next span tries again, or the exit
            pass

    def _note(self, what: str) -> None:
        self.noted[what] += 1
