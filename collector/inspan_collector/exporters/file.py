"""Files: length-delimited protobuf, and JSON lines. What `inspan run` does when nobody says where spans should go."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Final

import msgspec

from inspan_collector.config.model import DestinationConfig
from inspan_collector.errors import Later, StartError
from inspan_collector.formats import Format
from inspan_collector.formats.varint import varint
from inspan_collector.receipt import Receipt

FORMATS: Final = frozenset({"otlp_protobuf", "otlp_json", "span_json"})
LAST_WRITE: Final = 2.0  # s for writes in hand at the end; a disk that hangs must not keep the process
NAMES: Final = {"otlp_protobuf": "otlp.pb", "otlp_json": "otlp.jsonl", "span_json": "spans.jsonl"}


class FileExporter:
    """One directory, one file for each format.

    `otlp.pb`: ExportTraceServiceRequests, each after its length as a varint (protobuf's own delimited form).
    `otlp.jsonl`: one ExportTraceServiceRequest a line. `spans.jsonl`: one span a line. A file over `rotate.max_bytes`
    becomes `NAME.1`, and so on up to `rotate.keep`.
    """

    formats = FORMATS
    upserts = False
    working = 2

    def __init__(self, config: DestinationConfig) -> None:
        self.config = config
        self.directory = Path(config.path or "")
        self.writing: set[asyncio.Future[None]] = set()
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="file")  # one: writes to a file must not interleave

    def __repr__(self) -> str:
        return f"<FileExporter {self.config.name} {self.directory}>"

    async def open(self) -> None:
        """Make the directory. Raises StartError."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)  # what spans say is for our own user
        except OSError as error:
            raise StartError(f"destination {self.config.name}: cannot make {self.directory}: {error}") from None

    async def close(self) -> None:
        """Finish the writes in hand, as far as the disk lets us."""
        if self.writing:
            await asyncio.wait(self.writing, timeout=LAST_WRITE)
        self.thread.shutdown(wait=False, cancel_futures=True)

    def room(self, format: Format, size: int, spans: int) -> int:
        """See Exporter.room."""
        del format, spans
        return size * self.working

    def faults(self, format: Format, body: bytes) -> list[tuple[int, str]]:
        """What nobody could read back."""
        return format.faults(body)

    async def encode(self, format: Format, body: bytes) -> bytes:
        """The record or lines that will be appended."""
        if format.name == "otlp_protobuf":
            return varint(len(body)) + body
        if format.name == "otlp_json":
            return _one_line(body) + b"\n"
        return b"".join(_one_line(bytes(span)) + b"\n" for span in msgspec.json.decode(body, type=list[msgspec.Raw]))

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        """Append encoded bytes. Raises Later where the disk says no."""
        del spans
        path = self.directory / NAMES[format.name]
        # Shielded: a record must be whole in the file, or not at all.
        write = asyncio.get_running_loop().run_in_executor(self.thread, self._append, path, payload)
        self.writing.add(write)
        write.add_done_callback(self.writing.discard)
        try:
            await asyncio.shield(write)
        except OSError as error:
            raise Later(f"{path}: {error.strerror}") from None
        return Receipt()

    def connections(self) -> tuple[int, int]:
        """Files are no connections."""
        return 0, 0

    def _append(self, path: Path, payload: bytes) -> None:
        rotate = self.config.rotate
        # Before the record and not after it: where this fails, the record is in no file, and a second try is no copy.
        if path.exists() and path.stat().st_size >= rotate.max_bytes:
            self._rotate(path, rotate.keep)
        # Unbuffered: what the disk refuses would stay in a buffer, and be written at the end after all.
        with open(path, "ab", buffering=0, opener=_opened) as file:
            start = file.seek(0, os.SEEK_END)
            try:
                _write(file, payload)
            except OSError:
                if file.tell() > start:
                    file.truncate(start)  # half a record would make the rest of the file unreadable
                raise

    def _rotate(self, path: Path, keep: int) -> None:
        for number in range(keep - 1, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number + 1}"))
        path.replace(path.with_name(f"{path.name}.1"))


def _opened(path: str, flags: int) -> int:
    """The directory may be one that others write to: no link is followed, and nobody's pipe is waited for."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)


def _write(file: FileIO, payload: bytes) -> None:
    """All of it: a write to a disk that fills up takes a part, and only the next one fails."""
    rest = memoryview(payload)
    while rest:
        rest = rest[file.write(rest) :]


def _one_line(body: bytes) -> bytes:
    """JSON without line breaks; left as it came where it has none."""
    return msgspec.json.format(body, indent=-1) if b"\n" in body or b"\r" in body else body
