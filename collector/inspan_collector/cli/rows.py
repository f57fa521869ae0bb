"""Rows of a spool, or of an export of one, read one after the other; never all of them in memory."""

import base64
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import msgspec

from inspan_collector.cli.asking import Failed
from inspan_collector.cli.terminal import note
from inspan_collector.row import Row, Trouble
from inspan_collector.spool.reading import Page
from inspan_collector.spool.salvage import salvage
from inspan_collector.spool.store import Store

T = TypeVar("T")

PAGE_BYTES: Final = 4 << 20  # of bodies that are in memory at once
EVERY: Final = 1 << 62  # spans: a page is bounded by its bytes
MAGIC: Final = b"SQLite format 3\0"  # https://www.sqlite.org/fileformat.html


class Line(msgspec.Struct):
    """A row in an export. arrived: ISO 8601. encoding: of the body, text or base64. fault: why it is not sound."""

    seq: int
    destination: str
    format: str
    spans: int
    arrived: str
    agent: str
    encoding: str
    body: str
    fault: str = ""

    @classmethod
    def of(cls, row: Row) -> "Line":
        """What is written of a row."""
        arrived = datetime.fromtimestamp(row.arrived, UTC).isoformat(timespec="milliseconds")
        encoding, body = encoded(row)
        return cls(row.seq, row.destination, row.format, row.spans, arrived, row.agent, encoding, body, row.fault)

    def row(self) -> Row:
        """The row again. Raises ValueError where it is not what was written."""
        body = base64.b64decode(self.body, validate=True) if self.encoding == "base64" else self.body.encode()
        arrived = datetime.fromisoformat(self.arrived).timestamp()
        return Row(self.seq, self.destination, self.format, self.spans, arrived, self.agent, body, fault=self.fault)


def encoded(row: Row) -> tuple[str, str]:
    """(encoding, body) of what is text as text, of the rest in base64."""
    if row.format != "otlp_protobuf":
        with contextlib.suppress(UnicodeDecodeError):
            return "text", row.body.decode()
    return "base64", base64.b64encode(row.body).decode()


class SpoolFile:
    """A spool that is only read; what is damaged is read as far as it can be. `with` closes it.

    The first time that SQLite finds damage, all that can be read is copied into a sound spool in a temporary directory,
    and reading goes on there.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise Failed(f"{path}: there is no such file")
        self.path = path
        self.open = contextlib.ExitStack()
        self.mended = False
        try:
            self.store = Store.read_only(path)
        except Trouble as trouble:
            self.store = self._mend(trouble)
        self.open.callback(lambda: self.store.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.open.close()

    def _mend(self, trouble: Trouble) -> Store:
        if trouble.kind != "corrupt" or self.mended:
            raise trouble
        self.mended = True
        home = self.open.enter_context(tempfile.TemporaryDirectory(prefix="inspan-"))
        sound = Store.open(Path(home) / "spool.db")
        found = salvage(self.path, sound)
        if not (found.rows or found.damaged or found.refused or _begins(self.path, MAGIC)):
            sound.close()
            raise Failed(f"{self.path}: nothing of a spool can be read in it; is it one?")
        lost = sum(found.lost.values()) + sum(found.damaged.values())
        note(f"{self.path} is damaged: {found.rows} rows can be read; at least {lost} spans cannot")
        return sound

    def ask(self, question: Callable[[Store], T]) -> T:
        """The answer of the file, or of what could be read of it."""
        try:
            return question(self.store)
        except Trouble as trouble:
            broken, self.store = self.store, self._mend(trouble)
            broken.close()
            return question(self.store)

    def rows(self, destination: str, after: int = 0) -> Iterator[Row]:
        """Those of one destination with a seq above `after`, in their order."""
        more = True
        while more:
            page = self.ask(partial(_page, destination=destination, after=after))
            yield from page.rows
            after, more = page.last, page.more


def _page(store: Store, *, destination: str, after: int) -> Page:
    return store.page(destination, after, max_spans=EVERY, max_bytes=PAGE_BYTES)


def exported(source: str) -> Iterator[Row]:
    """The rows of an export; `-` for standard input. Raises Failed with the line that cannot be read."""
    with sys.stdin.buffer if source == "-" else Path(source).open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield msgspec.json.decode(line, type=Line).row()
            except (ValueError, msgspec.DecodeError) as error:
                raise Failed(f"{source}, line {number}: not a row of an export: {error}") from None


def is_export(source: str) -> bool:
    """Whether it begins as an export does; a spool may be damaged from its first byte on."""
    if source == "-":
        return True
    try:
        return _begins(Path(source), b"{")
    except OSError as error:
        raise Failed(f"{source}: {error.strerror}") from None


def _begins(path: Path, begin: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(begin)) == begin


def total_json(total: Any) -> dict[str, Any]:
    """A total, for programs."""
    oldest = None if total.oldest is None else datetime.fromtimestamp(total.oldest, UTC).isoformat()
    return {"rows": total.rows, "spans": total.spans, "bytes": total.size, "oldest": oldest}
