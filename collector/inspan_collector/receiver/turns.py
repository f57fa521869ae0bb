"""Answers in the order of their requests, also where one of them is not known yet.

While one is awaited the client is not read. So it can pile up no more requests than one read brought, and what is
missing of the last of them is not late meanwhile. That it has gone is noticed when it is answered.
"""

from math import inf
from typing import Final

from inspan_collector.receiver.answer import Answer, Awaited
from inspan_collector.receiver.connections import IDLE, WAITING, Connections
from inspan_collector.receiver.line import Line

# What follows the last answer that is due.
_GO_ON: Final = 0
_HANG_UP: Final = 1
_PART: Final = 2


class Turns(Line):
    """A line that answers in turn. `_due` is empty but while an answer is awaited."""

    __slots__ = ("_due", "_end", "_held", "_table", "_then")

    def __init__(self, table: Connections) -> None:
        super().__init__(table.time)
        self._table = table
        self._due: list[Answer | Awaited | bytes] = []  # and not a deque, which takes 600 bytes while it is empty
        self._end = _GO_ON
        self._then = IDLE  # the stage in which reading stopped
        self._held = 0.0  # loop time at which it did

    def part(self, last_words: bytes) -> None:
        if self._due:
            self._due.append(last_words)
            self._end = _PART
        else:
            super().part(last_words)

    def resume_writing(self) -> None:
        if self.stage == WAITING:
            self.stuck = inf  # and read on when the last answer is out
        else:
            super().resume_writing()

    def _answer(self, answer: Answer | Awaited | bytes) -> None:
        """Write it when its turn has come. Bytes are written as they are, and are no last words."""
        if not self._due and not isinstance(answer, Awaited):
            self._transport.write(answer if isinstance(answer, bytes) else answer.keep)
            return
        self._due.append(answer)
        if isinstance(answer, Awaited):
            answer.hear(self._advance)
            self._advance()  # it may be known by now

    def _answer_and_hang_up(self, answer: Answer | Awaited) -> None:
        """The same, for the last answer of this connection. Whatever follows must not be parsed."""
        self._end = _HANG_UP
        if self._due or isinstance(answer, Awaited):
            self._answer(answer)
        else:
            self._finish(answer)

    def _hold(self) -> None:
        """Read no more until every answer that is due is out."""
        if self._transport.is_closing():
            return
        self._then = self.stage
        self.stage = WAITING
        self._held = self._time()
        self._transport.pause_reading()

    def _advance(self) -> None:
        """Write what is known, up to the first answer that is not."""
        due = self._due
        while due and not self._transport.is_closing():
            turn = due[0]
            answer = turn.answer if isinstance(turn, Awaited) else turn
            if answer is None:
                return
            del due[0]
            if not due and self._ends():
                self._finish(answer)
                return
            self._transport.write(answer if isinstance(answer, bytes) else answer.keep)
        if self.stage == WAITING:
            self._read_on()

    def _ends(self) -> bool:
        """Whether the last answer that is due is the last of all."""
        return self._end != _GO_ON or (self._table.closing and self.stage == WAITING and self._then == IDLE)

    def _finish(self, answer: Answer | bytes) -> None:
        words = answer if isinstance(answer, bytes) else self._last_words(answer)
        if self._end == _PART:
            super().part(words)
            if self.stuck == inf and not self._transport.is_closing():
                self._transport.resume_reading()  # to see the client's end, and to throw away what comes before it
        else:
            self._transport.write(words)
            self.hang_up()

    def _read_on(self) -> None:
        self.stage = self._then
        now = self._time()
        # What we did not read cannot have been late.
        self.since = now if self.stage == IDLE else self.since + now - self._held
        if self.stuck == inf and not self._transport.is_closing():
            self._transport.resume_reading()

    def _forget_turns(self) -> None:
        """Nobody is there to be answered."""
        for turn in self._due:
            if isinstance(turn, Awaited):
                turn.hear(None)
        self._due.clear()

    def _leave_stage(self) -> None:
        self._forget_turns()
        super()._leave_stage()

    def _last_words(self, answer: Answer) -> bytes:
        """The answer as its client wants it, with the end of the connection announced."""
        raise NotImplementedError
