"""The one thread that speaks to the sidecar. Nobody waits for it but `flush` and `close`, within their time."""

import contextlib
import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from inspan.answer import Answer
from inspan.backoff import Backoff
from inspan.bell import Bell
from inspan.buffer import Buffer
from inspan.connection import Broken, Connection, Unreachable
from inspan.delivery import Delivery, Post
from inspan.dialects import Dialect
from inspan.flushing import Flushing
from inspan.liveness import Liveness
from inspan.losses import Losses
from inspan.saying import Saying
from inspan.wire import AGENT, SEQUENCE

ASK: Final = 10.0  # s for one answer; a sidecar answers within a millisecond, or is stopped
CONNECT: Final = 0.25  # s; it takes none, unless a sidecar that is stopped has its backlog full
LEAST_REST: Final = 0.01  # s between two looks at whether a beat is due, where an answer to one was no success
FAREWELL: Final = 0.25  # s of a close's time that are kept for telling the counts, where spans do not get through
GLANCE: Final = 0.01  # s for an answer when all time is over: it is there, or the sidecar is stopped

_now = time.monotonic


class Sender:
    """Takes what is in the buffer to the sidecar: lingers, posts, tries again, beats, and ends when it is told to.

    linger: seconds that a span waits for others. ended: rung when all is over.
    """

    def __init__(self, buffer: Buffer, liveness: Liveness, places: Sequence[Path], bell: Bell, linger: float) -> None:
        self.buffer = buffer
        self.liveness = liveness
        self.bell = bell
        self.linger = linger
        self.connection = Connection(places, _now)
        self.saying = Saying(_now)
        self.delivery = Delivery(buffer, Backoff(random.random), self.saying.say)
        self.deadline: float | None = None  # monotonic seconds at which all is over; None while it goes on
        self.ended = Bell()
        self.is_over = False
        self._farewell = FAREWELL  # half of a close's time, where that is short
        self._parting = False
        self._alone = threading.Lock()  # held for ever by the one thread that runs this
        self.flushing = Flushing(buffer, self.hasten)
        self.losses = Losses(buffer, _now, self.saying.say)
        self._heads: dict[Dialect, bytes] = {}

    def __repr__(self) -> str:
        return f"<Sender {self.connection!r} {self.delivery!r}>"

    # For others

    def hasten(self) -> None:
        """Try now, whatever was to be waited for."""
        self.delivery.not_before = 0.0
        self.bell.ring()

    def end(self, deadline: float) -> None:
        """Send what there is, then end, at `deadline` (monotonic seconds) at the latest. Does not wait."""
        if self.deadline is None or deadline < self.deadline:
            self._farewell = min(FAREWELL, max(deadline - _now(), 0.0) / 2)
            self.deadline = deadline
        self.hasten()

    def wait(self) -> None:
        """Until it has ended, or its deadline."""
        if self.deadline is None or self.is_over:
            return
        heard = self.ended.wait(self.deadline - self._farewell - _now())
        if not heard:
            if not self._parting:
                self.connection.abort()  # of an answer that does not come
            heard = self.ended.wait(self.deadline - _now())
        if heard:
            self.ended.ring()  # for whoever waits beside us

    # The thread

    def run(self) -> None:
        """Until it is told to end, and has. Once: another thread that comes here goes home."""
        if not self._alone.acquire(blocking=False):
            return
        try:
            while not self._done():
                try:
                    self._step()
                except Exception as error:  # noqa: BLE001  spans wait, are counted, and are tried again
                    self.connection.close()
                    self.delivery.failed(_now())
                    self.saying.say("bug", f"a defect of inspan, please report it: {error!r}")
            self._part()
        finally:
            self.connection.close()
            self.is_over = True
            self.ended.ring()

    def _done(self) -> bool:
        if self.deadline is None:
            return False
        return (not self.delivery.pending and self.buffer.rest()) or self._time_left() <= 0

    def _step(self) -> None:
        self._wait()
        try:
            self._speak()
        except Unreachable as error:
            self.delivery.failed(_now())
            self.saying.say("unreachable", f"{error}; spans wait, up to {self.buffer.max_bytes} bytes of them")
        except Broken as error:
            self.delivery.failed(_now(), stale=error.stale)
            if not error.stale:
                self.saying.say("broken", f"the sidecar at {self.connection.at}: {error}; spans wait")
        self.flushing.tell()
        self.losses.say()

    def _wait(self) -> None:
        """For a time of rest to pass, for company, or for anything to do."""
        rest = self.delivery.not_before - _now()
        if rest > 0:
            until_beat = self.liveness.due - _now() if self.connection.is_open else rest
            self.bell.wait(min(rest, max(until_beat, LEAST_REST), self._time_left()))
            return
        if self._hurried():
            return
        if self.delivery.asked or not self.buffer.rest():
            self._linger()  # the answer to the last post is there when it is over
        elif self.bell.wait(self.liveness.due - _now()) and not self._hurried():
            self._linger()

    def _linger(self) -> None:
        """For company, but not beyond a beat, without which a sidecar would call us lost."""
        beat = self.liveness.due - _now() if self.liveness.registered else self.linger
        self.bell.wait(min(self.linger, beat))

    def _hurried(self) -> bool:
        waiting = bool(self.flushing) or self.deadline is not None
        return waiting or self.delivery.behind or self.buffer.waiting_bytes >= self.buffer.full

    def _speak(self) -> None:
        """What is due, in the order in which the sidecar should hear it."""
        if self.delivery.asked:
            self._hear()
        rests = _now() < self.delivery.not_before
        if rests and not self.connection.is_open:
            return
        self._connect()
        for _ in range(2):  # who we are, and that we live. No more: spans must go even where we are never known
            if self.liveness.due <= _now():
                self._beat()
        if rests:
            return  # it is full, and wants to hear that we live all the same
        post = self.delivery.next()
        if post is not None:
            self._post(post)
            if self.flushing or self.deadline is not None:
                self._hear()

    def _hear(self) -> None:
        """The answer to the last post: what the sidecar has taken is not lost, also when all time is over."""
        self.delivery.answered(self.connection.receive(max(self._time_left(), GLANCE)), _now())

    def _connect(self) -> None:
        if self.connection.is_open:
            return
        self._open()
        self.liveness.connected()
        self.saying.say("connected", f"connected to the sidecar at {self.connection.at}")

    def _beat(self) -> None:
        self.liveness.answered(self._tell_of_us(*self.liveness.beat(self.buffer.counts())), _now())

    def _part(self) -> None:
        """Give up on what is left, and say how much that is."""
        self._parting = True
        if self.delivery.asked:
            with contextlib.suppress(Broken):  # and closed: it would be taken for the answer to our last words
                self._hear()
        self.delivery.abandon("exit")
        self.flushing.tell()
        told: Exception | None = None
        for _ in range(3):  # one may meet a connection that was just ended, by `wait` or the sidecar, one a new sidecar
            try:
                if self._take_leave():
                    break
            except (Unreachable, Broken) as error:
                told = error
        else:
            self.saying.say("untold", f"the sidecar could not be told how this agent ended: {told}")
        self.losses.say(at_once=True)

    def _take_leave(self) -> bool:
        """False: to a sidecar that came since the last beat, and has not heard of us."""
        self._connect()
        known = self.liveness.registered
        if not known:
            self._beat()
        self.liveness.answered(self._tell_of_us(*self.liveness.completion(self.buffer.counts())), _now())
        return self.liveness.registered or not known

    # Requests

    def _post(self, post: Post) -> None:
        dialect = post.entries[0][0]
        head = self._heads.get(dialect)
        if head is None:
            head = self._heads[dialect] = (
                f"POST {dialect.path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {dialect.content_type}\r\n"
                f"{AGENT}: {self.liveness.agent}\r\n{SEQUENCE}: "
            ).encode()
        rest = b"%d\r\ncontent-length: %d\r\n\r\n" % (post.number, len(post.body))
        self._stay_open()
        self.connection.send(head + rest, post.body, self._time_left())

    def _tell_of_us(self, path: str, body: bytes) -> Answer:
        head = (
            f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        return self._ask(head, body, max(self._time_left(), FAREWELL))

    def _ask(self, head: str, body: bytes, timeout: float) -> Answer:
        self._stay_open()
        return self.connection.ask(head.encode(), body, timeout)

    def _stay_open(self) -> None:
        if not self.connection.is_open:  # the last answer was its last
            self._open()

    def _open(self) -> None:
        """Not beyond the time for spans: a backlog that is full must not take that of counting what is left."""
        self.connection.open(CONNECT if self._parting else min(CONNECT, self._time_left()))

    def _time_left(self) -> float:
        """Seconds for one answer, or until the last words are due."""
        return ASK if self.deadline is None else min(ASK, self.deadline - self._farewell - _now())
