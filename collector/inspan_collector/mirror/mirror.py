"""The file of this life, and how it takes the place of the former one's."""

import mmap
from collections.abc import Sequence
from pathlib import Path

from inspan_collector.ledger import ACCOUNTS, COUNTS, Ledger, Reception
from inspan_collector.mirror.file import identity, is_there, made, remove
from inspan_collector.mirror.former import Former, read
from inspan_collector.mirror.layout import CLEAN, HEAD, RING, WORD, Layout
from inspan_collector.mirror.page import Book, Page


class Mirror:
    """Keeps what ledgers and receptions publish in a file that survives the process, and not a power cut.

    A store into shared memory is the kernel's at once, and costs no system call. trouble: why nothing is kept, empty
    where it is; the books are then published to memory that dies with us. unread: why a file that was there could not
    be read. Each destination takes 1 MiB of disk.
    """

    def __init__(self, path: Path, layout: Layout, former: Former | None, unread: str) -> None:
        self.path = path
        self.unread = unread
        self.trouble = ""
        self.begun = False
        self.pages: dict[str, Page] = {}
        self._layout = layout
        self._books: list[Book] = []
        self._receptions: dict[str, Book] = {}
        self._identity: tuple[int, int] | None = None  # of our file, whatever its name
        self._carried = former.rows if former is not None else {}
        try:
            self._words = self._begun_file()
        except OSError as error:
            self._give_up(error)
            self._words = _filled(mmap.mmap(-1, layout.size), layout)

    @classmethod
    def open(
        cls, path: Path, destinations: Sequence[str], dialects: Sequence[str], ring: int = RING
    ) -> tuple["Mirror", Former | None]:
        """A mirror for these names, and what a former life left at this path; that stays as it is until `begin`.

        ring: settled rows that each destination has room for. Never raises for what the file says or the disk refuses.
        """
        former, unread = read(path)
        return cls(path, Layout.of(destinations, dialects, ring), former, unread), former

    def __repr__(self) -> str:
        return f"<Mirror {self.path} {len(self._books)} books{f', not kept: {self.trouble}' if self.trouble else ''}>"

    @property
    def _new(self) -> Path:
        return self.path.with_name(f"{self.path.name}.new")

    @property
    def overflowed(self) -> int:
        """Rows that found the ring of their destination full."""
        return sum(page.overflowed for page in self.pages.values())

    def ledger(self, ledger: Ledger) -> Page:
        """The page of this ledger's destination, which the ledger publishes from now on. Once each, before `begin`.

        Its ring begins with the former life's rows: the first to be forgotten.
        """
        name, accounts = ledger.destination, len(ACCOUNTS)
        page = Page(self._words[self._layout.pages[name]], self._words[self._layout.rings[name]], accounts)
        page.numbers[:accounts] = ledger.balances
        ledger.balances = page.numbers[:accounts]
        ledger.publish = page.publish
        for seq, spans, again in self._carried.get(name, ()):
            page.settled(seq, spans, again)
        self._books.append(page)
        self.pages[name] = page
        return page

    def reception(self, reception: Reception) -> None:
        """Let this dialect's account publish here from now on. Once each, before `begin`."""
        book = Book(self._words[self._layout.receptions[reception.dialect]], len(COUNTS))
        book.numbers[:] = reception.counts
        reception.counts = book.numbers
        reception.publish = book.publish
        self._books.append(book)
        self._receptions[reception.dialect] = book

    def begin(self) -> None:
        """Publish every book as it is now, and let the new file take the place of the former one, in one step."""
        self._publish()
        if self.trouble:
            return
        try:
            self._new.replace(self.path)
        except OSError as error:
            self._give_up(error)
        else:
            self.begun = True

    def renew(self) -> None:
        """Keep the books in a file again, where it could not be made, or is not there any more."""
        if is_there(self.path, self._identity):
            return
        try:
            words = self._begun_file()
        except OSError as error:
            self._give_up(error)
            return
        words[:] = self._words
        self._words = words
        for name, page in self.pages.items():
            page.move(words[self._layout.pages[name]])
            page.ring = words[self._layout.rings[name]]
        for dialect, book in self._receptions.items():
            book.move(words[self._layout.receptions[dialect]])
        self.trouble = ""
        self.begin()

    def _begun_file(self) -> memoryview:
        """A new file of our own, under another name until `begin`. Raises OSError."""
        words = _filled(made(self._new, self._layout.size), self._layout)
        self._identity = identity(self._new)
        return words

    def close(self, *, clean: bool) -> None:
        """Publish every book for the last time. clean: no span is in any place, or the spool has it.

        Before `begin` it only takes away the new file. What is published later is kept as before.
        """
        self._publish()
        if clean:
            self._words[CLEAN] = 1
        if not self.begun:
            remove(self._new)

    def _publish(self) -> None:
        for book in self._books:
            book.publish()

    def _give_up(self, error: OSError) -> None:
        self.trouble = f"the books would not survive a crash: {self.path}: {error.strerror}"
        remove(self._new)


def _filled(memory: mmap.mmap, layout: Layout) -> memoryview:
    memory[HEAD * WORD : HEAD * WORD + len(layout.text)] = layout.text
    words = memoryview(memory).cast("q")
    for at, number in enumerate(layout.head()):
        words[at] = number
    return words
