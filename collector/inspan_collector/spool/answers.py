"""What the loop is told: one call for a group, and one for each question."""

import contextlib
import logging
from collections.abc import Callable, Sequence
from functools import partial

from inspan_collector.row import Trouble, Write
from inspan_collector.spool.jobs import Question

log = logging.getLogger("inspan")


class Answers:
    """call: has something called on the loop. failed: writes that were told so."""

    def __init__(self, call: Callable[[Callable[[], None]], object]) -> None:
        self.call = call
        self.failed = 0

    def __repr__(self) -> str:
        return f"<Answers {self.failed} failed>"

    def tell(self, callback: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: at the end of the process, nobody listens
            self.call(callback)

    def written(self, writes: Sequence[Write], first: Callable[[], None]) -> None:
        """They are durable. first: called before any of them is told."""
        self.tell(partial(_settle, writes, None, first))

    def fail(self, writes: Sequence[Write], trouble: Trouble) -> None:
        """They are not on disk, or nobody knows."""
        if writes:
            self.failed += len(writes)
            self.tell(partial(_settle, writes, trouble))

    def answer(self, question: Question, answer: object) -> None:
        self.tell(partial(question.done, answer))


def _settle(writes: Sequence[Write], trouble: Trouble | None, first: Callable[[], None] | None = None) -> None:
    """Answer each, in order. Where one of them breaks, the others are answered all the same."""
    # By hand: an ExitStack takes 0.7 µs a write, on the loop.
    broken: list[Exception] = []
    if first is not None:
        try:
            first()
        except Exception as error:  # noqa: BLE001 -- raised below
            broken.append(error)
    for write in writes:
        try:
            write.done(trouble)
        except Exception as error:  # noqa: BLE001 -- raised below
            broken.append(error)
    if broken:
        raise broken[0] if len(broken) == 1 else ExceptionGroup("answers that broke", broken)


def defect(what: str, error: Exception) -> Trouble:
    """Log our own mistake, and say it to whom it hit."""
    log.error("a defect of inspan, please report it: %s", what, exc_info=error)
    return Trouble("io", f"a defect of inspan, please report it: {what}: {error!r}")
