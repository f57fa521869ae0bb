"""One request after another on one line: from a head, through its body, to the door's answer.

Nothing here awaits and no task is made: an answer that comes later is in `turns`. What a request
holds of the memory is in `Head.budget`, from `begin` until the door has taken it over or `_let_go` gives it back.
"""

from typing import Final

from inspan_collector.memory import Memory
from inspan_collector.receiver.answer import CONTINUE, Answer, Awaited
from inspan_collector.receiver.connections import BODY, FORGETTING, IDLE, Connections
from inspan_collector.receiver.line import FRESH
from inspan_collector.receiver.seam import Door, Head
from inspan_collector.receiver.turns import Turns

GROWTH: Final = 64 << 10  # bytes; a body of unknown size is reserved in such steps
MAX_FORGET: Final = 64 << 20  # bytes of a refused body that we read to keep its connection; 20 ms of work
MAX_PIECES: Final = 1024  # a body sent two bytes at a time costs 50 bytes a piece, which no budget counts


class Parted(Exception):
    """No error: it ends what called us, because we have hung up."""


class Exchange(Turns):
    """The request in hand. `on_body` and `on_message_complete` are called by the parser."""

    __slots__ = ("_door", "_fed", "_head", "_joined", "_keep", "_max_body", "_memory", "_pieces", "_size")

    def __init__(self, table: Connections, door: Door, memory: Memory) -> None:
        super().__init__(table)
        self._door = door
        self._memory = memory
        self._max_body = table.limits.max_request_bytes
        self._head: Head | None = None  # of the request whose body is being read, unless it is refused
        self._keep = True  # whether the client wants the connection after this request
        self._pieces: list[bytes] = []
        self._joined = 0  # how many of the pieces are themselves joined
        self._size = 0  # bytes of body so far
        self._fed = 0  # bytes since a head ended or a body grew: what framing alone may cost

    def begin(self, head: Head) -> None:
        """Admit a request, and reserve what it says it will bring."""
        self._head = head
        self.stage = BODY
        self.since = FRESH
        self._size = self._fed = 0
        size = head.body_size
        refusal = self._door.admit(head)
        if refusal is None and size:
            refusal = self._reserve(head, size, size)
        if refusal is not None:
            self._refuse(head, refusal)
        elif head.expect and size != 0:
            self._answer(CONTINUE)

    def on_body(self, piece: bytes) -> None:
        self._fed = 0
        self._size += len(piece)
        head = self._head
        if head is None:
            if self._size > MAX_FORGET:
                self.part(b"")
                raise Parted
            return
        self._pieces.append(piece)
        if self._size > head.budget:  # only where it was not announced: the parser ends a body at its content-length
            most = self._max_body - head.budget  # so that growing past the limit is always noticed here
            refusal = self._reserve(head, self._size, min(most, max(GROWTH, self._size - head.budget)))
            if refusal is not None:
                self._refuse(head, refusal)

    def on_message_complete(self) -> None:
        head = self._head
        if head is not None:
            pieces = self._pieces
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            if head.body_size is None:
                self._memory.release(head.budget - len(body))
                head.budget = len(body)
            answer = self._door.handle(head, body)
            if head.budget:
                self._memory.release(head.budget)
                head.budget = 0
            if not self._keep or self._table.closing:
                self._answer_and_hang_up(answer)
                raise Parted
            self._head = None
            if self._due or isinstance(answer, Awaited):
                self._answer(answer)
            else:
                self._transport.write(answer.keep)
        elif self._table.closing:
            self.hang_up()
            raise Parted
        self.stage = IDLE
        self.since = self._time()
        self._fed = self._joined = 0

    def _reserve(self, head: Head, size: int, more: int) -> Answer | None:
        """Reserve `more` bytes for a body that has, or is known to get, `size`; an answer is a refusal."""
        if size > self._max_body:
            return self._door.too_large(head)
        if not self._memory.reserve(more):
            return self._door.no_memory(head)
        head.budget += more
        return None

    def _refuse(self, head: Head, answer: Answer) -> None:
        """Answer now. The rest of the body is read and forgotten if that saves the connection."""
        if not self._keep or head.expect or self._table.closing or (head.body_size or 0) > MAX_FORGET:
            self.part(self._last_words(answer))
            raise Parted
        self._let_go()
        self._size = 0
        self.stage = FORGETTING
        self._answer(answer)

    def _join_some(self) -> None:
        """Keep the number of pieces low, each byte copied once: the joined ones are left alone."""
        if len(self._pieces) > self._joined + MAX_PIECES:
            self._pieces[self._joined :] = [b"".join(self._pieces[self._joined :])]
            self._joined += 1

    def _last_words(self, answer: Answer) -> bytes:
        head = self._head
        return answer.close if head is None or head.method != "HEAD" else answer.close_without_body()

    def _let_go(self) -> None:
        if self._head is not None:
            self._memory.release(self._head.budget)
            self._head.budget = 0
            self._head = None
        self._pieces.clear()
        self._joined = 0
