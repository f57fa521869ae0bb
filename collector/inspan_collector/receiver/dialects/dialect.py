"""What a dialect is. Its modules are pure: bytes in, bytes out."""

from typing import Protocol

import msgspec

from inspan_collector.formats import Scan


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A body understood: the format, the body in that format's plain form, and what it holds.

    span: its one span as the dialect's clients read it, where they may change it later; else empty.
    """

    format: str
    body: bytes
    scan: Scan
    span: bytes = b""


class Refusal(msgspec.Struct, frozen=True):
    """A request that is not taken. message: what is wrong and what to do."""

    status: int
    reason: str
    message: str


class Refuses(Protocol):
    """Who has a name in the books, and words of its own for a refusal."""

    @property
    def name(self) -> str: ...

    def failure(self, content_type: str, refusal: Refusal) -> tuple[str, bytes]:
        """(content type, body) of a refusal, in the shape that this dialect's clients read."""
        ...


class Dialect(Refuses, Protocol):
    """One way in. The modules of this package are dialects."""

    @property
    def methods(self) -> frozenset[str]: ...

    @property
    def formats(self) -> dict[str, str]:
        """The content types it reads, each with the format of the chunk that comes of it."""
        ...

    @property
    def malformed(self) -> int:
        """The status of a body that is not what its content type says."""
        ...

    @property
    def constant(self) -> bool:
        """Whether success is answered in the same words every time, so that they can be built once."""
        ...

    def read(self, content_type: str, body: bytes) -> Reading:
        """Understand a body that is not compressed any more. Raises MalformedChunk."""
        ...

    def success(self, content_type: str, reading: Reading, culled: int, message: str) -> tuple[int, str, bytes]:
        """(status, content type, body) for spans taken. culled: spans of the request that were refused, with why."""
        ...
