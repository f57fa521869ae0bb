"""From the buffer to posts, and from answers to what becomes of their spans.

Pure: time is an argument. A post keeps its number until it is answered, so that one which is sent again, its answer
lost, is not taken twice. A post that is refused for what it holds is halved, until the span at fault is alone; one for
which there is no room again and again is halved too.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from inspan.answer import Answer, Later, Refused, verdict
from inspan.backoff import Backoff
from inspan.buffer import Buffer
from inspan.dialects import Entry

BATCH: Final = 1024 * 1024  # bytes of spans in a post: a few ms of the sidecar's, and of copying here
FULL: Final = 429
PATIENT: Final = 3  # answers of no room until a post is halved: an upstream's moment is over by then, mostly
UNWELCOME_REST: Final = 5.0  # s; somebody has to change something, which takes minutes


class Post:
    """Entries under one number."""

    __slots__ = ("body", "entries", "number")

    def __init__(self, number: int, entries: list[Entry]) -> None:
        self.number = number
        self.entries = entries
        self.body = entries[0][0].join([piece for _, piece, _ in entries])

    def __repr__(self) -> str:
        return f"<Post {self.number} {len(self.entries)} spans {len(self.body)} bytes>"


class Delivery:
    """One post at a time, in order. say: told what an operator should know, by kind.

    not_before: the time at which the next try may be made.
    """

    def __init__(self, buffer: Buffer, backoff: Backoff, say: Callable[[str, str], None]) -> None:
        self.buffer = buffer
        self.backoff = backoff
        self.not_before = 0.0
        self.posts = 0
        self.reposts = 0
        self.asked = False  # whether a post is on its way and has no answer yet
        self._say = say
        self._numbers = 0
        self._stale = False  # the last try was
        self._full = 0  # tries in a row for which there was no room
        self._post: Post | None = None
        self._fine: Answer | None = None  # said that all was taken
        self._parts: deque[list[Entry]] = deque()  # halves of what was refused, in order, in flight

    def __repr__(self) -> str:
        return f"<Delivery {self._post or 'no post'}, {len(self._parts)} parts wait, {self.posts} posts>"

    @property
    def behind(self) -> bool:
        """Whether something taken out of the buffer is still to be posted."""
        return bool(self._parts) or (self._post is not None and not self.asked)

    @property
    def pending(self) -> bool:
        """Whether something was taken out of the buffer and has no fate yet."""
        return self._post is not None or bool(self._parts)

    def next(self) -> Post | None:
        """What to post now: the one that was not answered, or a new one; None where there is nothing."""
        if self._post is not None:
            self.reposts += 1
        while self._post is None:
            entries = self._parts.popleft() if self._parts else self.buffer.take(BATCH)
            if not entries:
                return None
            try:
                self._post = Post(self._numbers + 1, entries)
            except Exception as error:  # noqa: BLE001  not even joined, for want of memory perhaps: fewer at once, or none
                self._refuse(entries, f"{type(error).__name__}: {error}")
        self._numbers = self._post.number
        self.posts += 1
        self.asked = True
        return self._post

    def answered(self, answer: Answer, now: float) -> None:
        """The post's answer."""
        self.asked = False
        post = self._post
        if post is None:
            return
        if answer is self._fine:
            self._settle(post, now, 0)
            return
        found = verdict(answer)
        if isinstance(found, Later):
            rest = max(found.rest or 0.0, UNWELCOME_REST) if found.unwelcome else found.rest
            self._rest(now, rest)
            if found.unwelcome:
                self._say("unwelcome", f"the sidecar does not take our spans, which wait: {found.why}")
            elif answer.status == FULL:
                self._make_smaller(post)
            return
        if isinstance(found, Refused):
            self._begin_anew(now)
            self._refuse(post.entries, found.why)
        else:
            self._settle(post, now, self._refused(post, answer))

    def failed(self, now: float, *, stale: bool = False) -> None:
        """No answer. stale: of a connection that was idle, where the sidecar need not have been asked at all: it is
        tried again at once, but once, since a sidecar may end each connection at our second request."""
        self.asked = False
        if not stale or self._stale:
            self._rest(now, None)
        self._stale = stale

    def abandon(self, reason: str) -> None:
        """Give up on everything."""
        parts = [*self._parts] if self._post is None else [self._post.entries, *self._parts]
        self._post = None
        self._parts.clear()
        for entries in parts:
            self.buffer.drop(entries, reason)
        while entries := self.buffer.take(BATCH):
            self.buffer.drop(entries, reason)

    def _rest(self, now: float, asked: float | None) -> None:
        self.not_before = now + self.backoff.rest(asked)

    def _make_smaller(self, post: Post) -> None:
        """What finds no room again and again may be more than there ever is. Nobody took it: its halves are new."""
        self._full += 1
        if self._full >= PATIENT and len(post.entries) > 1:
            self._post = None
            self._halve(post.entries)

    def _begin_anew(self, now: float) -> None:
        """The sidecar heard us, and this post is done with."""
        self.backoff.reset()
        self.not_before = now
        self._stale = False
        self._full = 0
        self._post = None

    def _settle(self, post: Post, now: float, refused: int) -> None:
        self._begin_anew(now)
        self.buffer.settle(post.entries, refused)

    def _refused(self, post: Post, answer: Answer) -> int:
        """How many spans of a post that was taken were not."""
        try:
            refused, why = post.entries[0][0].refused(answer.body)
        except Exception:  # noqa: BLE001  a way in may have a dialect of its own, and these spans are taken
            refused, why = 0, ""  # a success in words that we do not know
        refused = min(max(refused, 0), len(post.entries))
        if refused:
            self._say("refused", f"the sidecar refused {refused} of {len(post.entries)} spans: {why}")
        else:
            self._fine = answer  # the same words mean the same the next time
        return refused

    def _refuse(self, entries: list[Entry], why: str) -> None:
        if len(entries) == 1:
            self._say("refused", f"a span was refused for good, and dropped: {why}")
            self.buffer.drop(entries, "refused")
        else:
            self._halve(entries)

    def _halve(self, entries: list[Entry]) -> None:
        half = len(entries) // 2
        self._parts.extendleft((entries[half:], entries[:half]))
