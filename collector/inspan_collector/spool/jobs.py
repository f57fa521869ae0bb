"""What the loop has for the disk: writes and questions, in order. The loop appends, and one thread takes."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from inspan_collector.row import ROW, Write
from inspan_collector.spool.store import Store

GROUP: Final = 512  # writes of one transaction; 5 ms where rows are small, and more would save nothing
GROUP_BYTES: Final = (
    8 << 20
)  # of one transaction: 15 ms of a disk that takes 500 MB/s, and what the ballast is made for


class Question(msgspec.Struct, gc=False):
    """ask: called with the store, on its thread. done: called on the loop, with the answer or with what went wrong."""

    ask: Callable[[Store], object]
    done: Callable[[Any], None]


def size_of(write: Write) -> int:
    """Bytes that it puts on disk."""
    return sum(row.size for row in write.put) + sum(len(refused.body) + ROW for refused in write.refuse)


def only_takes_away(write: Write) -> bool:
    """Whether it makes room and nothing else: it is owed whatever the disk says, and is the way out of a full one."""
    return not (write.put or write.refuse or write.posts) and bool(write.erase or write.release)


class Jobs:
    """In order of their coming. A question waits for the writes before it, and holds up none behind it."""

    def __init__(self) -> None:
        self.waiting: deque[Write | Question] = deque()  # its appends and pops need no lock
        self.asked: deque[Question] = deque()  # every write before these has been taken

    def __repr__(self) -> str:
        return f"<Jobs {len(self.waiting)} waiting, {len(self.asked)} asked>"

    def __bool__(self) -> bool:
        return bool(self.waiting or self.asked)

    def take(self, most: int = GROUP, most_bytes: int = GROUP_BYTES) -> tuple[list[Write], int]:
        """Writes for one transaction, and their bytes. A write over the bound comes alone."""
        group: list[Write] = []
        size = 0
        while self.waiting and len(group) < most:
            job = self.waiting[0]
            if isinstance(job, Question):
                self.asked.append(job)
            else:
                grown = size + size_of(job)
                if group and grown > most_bytes:
                    break
                group.append(job)
                size = grown
            self.waiting.popleft()
        return group, size

    def question(self) -> Question | None:
        """The next whose turn has come."""
        return self.asked.popleft() if self.asked else None

    def put_back(self, writes: Iterable[Write]) -> None:
        """To the front, in their order."""
        self.waiting.extendleft(reversed(list(writes)))

    def withdraw(self) -> list[Write]:
        """Take every write out that does more than taking away; the rest keeps its order."""
        kept: list[Write | Question] = []
        withdrawn: list[Write] = []
        for _ in range(len(self.waiting)):  # as many as there are now: the loop may append meanwhile
            job = self.waiting.popleft()
            if isinstance(job, Write) and not only_takes_away(job):
                withdrawn.append(job)
            else:
                kept.append(job)
        self.waiting.extendleft(reversed(kept))
        return withdrawn

    def drain(self) -> tuple[list[Write], list[Question]]:
        """Everything, at the end. Both sides may do so at once: each job comes out on one of them."""
        writes: list[Write] = []
        questions: list[Question] = []
        with contextlib.suppress(IndexError):
            while self.asked:
                questions.append(self.asked.popleft())
        with contextlib.suppress(IndexError):
            while self.waiting:
                job = self.waiting.popleft()
                if isinstance(job, Question):
                    questions.append(job)
                else:
                    writes.append(job)
        return writes, questions
