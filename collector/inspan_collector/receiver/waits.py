"""Answers that wait until spans are durable: not for ever, and each request by itself."""

import asyncio
from collections.abc import Callable
from typing import Final

from inspan_collector.receiver.answer import Answer, Awaited

Compose = Callable[[bool | None], Answer]  # kept, broken, or None: not known in time


class Promise:
    """What becomes of one post's pledge, for all who wait to hear. kept: None until that is known, then for good."""

    __slots__ = ("_told", "kept")

    def __init__(self, kept: bool | None = None) -> None:
        self.kept = kept
        self._told: list[Callable[[bool], None]] = []

    def __repr__(self) -> str:
        state = {None: f"{len(self._told)} waiting", True: "kept", False: "broken"}[self.kept]
        return f"<Promise {state}>"

    def settle(self, kept: bool) -> None:
        """It is known now."""
        self.kept = kept
        told, self._told = self._told, []
        for tell in told:
            tell(kept)

    def hear(self, tell: Callable[[bool], None]) -> None:
        """Call this once it is known. Not for one that is known already."""
        self._told.append(tell)

    def leave(self, tell: Callable[[bool], None]) -> None:
        """Do not call this any more."""
        self._told.remove(tell)


DURABLE: Final = Promise(kept=True)
ACCEPTED: Final = Promise(kept=False)


class Waits:
    """All who wait. timeout: seconds that each waits at most. failed: the answer where composing one raises."""

    def __init__(self, timeout: float, failed: Callable[[BaseException], Answer]) -> None:
        self.timeout = timeout
        self._failed = failed
        self._live: set[_Wait] = set()

    def __len__(self) -> int:
        return len(self._live)

    def __repr__(self) -> str:
        return f"<Waits {len(self._live)} of at most {self.timeout:g} s>"

    def answer(self, promise: Promise, compose: Compose) -> Answer | Awaited:
        """What `compose` makes of the promise, as soon as that is known or the time is up. It is called once."""
        if promise.kept is not None:
            return compose(promise.kept)
        wait = _Wait(self, promise, compose)
        self._live.add(wait)
        return wait

    def give_up(self) -> None:
        """Answer everybody now, as if their time were up: for the end of a drain."""
        for wait in list(self._live):
            wait.end(None)

    def settled(self, wait: "_Wait", compose: Compose, kept: bool | None) -> Answer:
        """Let go of a wait, with its answer."""
        self._live.discard(wait)
        try:
            return compose(kept)
        except Exception as error:  # noqa: BLE001 -- nobody above would answer: this runs on the loop, or in a settle
            return self._failed(error)


class _Wait(Awaited):
    """One request that waits."""

    __slots__ = ("_compose", "_promise", "_timer", "_waits")

    def __init__(self, waits: Waits, promise: Promise, compose: Compose) -> None:
        super().__init__()
        self._waits = waits
        self._promise = promise
        self._compose = compose
        self._timer = asyncio.get_running_loop().call_later(waits.timeout, self.end, None)
        promise.hear(self.end)

    def end(self, kept: bool | None) -> None:
        """Answer, and hear no more."""
        self._timer.cancel()
        if self._promise.kept is None:
            self._promise.leave(self.end)
        self.give(self._waits.settled(self, self._compose, kept))
