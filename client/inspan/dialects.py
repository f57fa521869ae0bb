"""How encoded spans become the body of a post: spliced, never decoded."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from inspan.wire import SPANS


class Dialect(Protocol):
    """One way to post spans. Pieces of one dialect that follow each other leave in one post.

    path: of the endpoint. content_type: of the body.
    """

    @property
    def path(self) -> str: ...

    @property
    def content_type(self) -> str: ...

    def join(self, pieces: Sequence[Any]) -> bytes:
        """The body of a post with these spans. A piece is whatever this dialect was given with `Client.offer`."""
        ...

    def refused(self, body: bytes) -> tuple[int, str]:
        """(spans, why) that an answer of success says were not taken."""
        ...


# dialect, the piece it can join, bytes of it: one encoded span. A plain tuple, since one is made for every span.
Entry = tuple[Dialect, Any, int]


class _Taken(msgspec.Struct):
    """What the sidecar answers to a post of ours."""

    refused: int = 0
    message: str = ""


class _Json:
    """Our own: an array of spans in JSON. A piece is one span's bytes."""

    path = SPANS
    content_type = "application/json"

    def __repr__(self) -> str:
        return "<Dialect spans>"

    def join(self, pieces: Sequence[bytes]) -> bytes:
        """See Dialect.join."""
        return b"[%b]" % b",".join(pieces)

    def refused(self, body: bytes) -> tuple[int, str]:
        """See Dialect.refused. Raises msgspec.DecodeError where the body is no answer of a sidecar."""
        taken = msgspec.json.decode(body, type=_Taken)
        return taken.refused, taken.message


JSON: Final = _Json()
