"""What a format is: the encoding inside a chunk, and the five things that are done with it."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Protocol

import msgspec

# bytes; to find where a body breaks costs up to a thousand times what it costs to refuse it, in time and in memory, and
# one bad body of the largest size must not stop the loop for seconds. Past this the position of a refusal may be 0.
MAX_EXPLAINED: Final = 1 << 20


class Head(msgspec.Struct, gc=False):
    """What is read of a span in JSON: what tells it from others, whether it has ended, and what people know it by.

    Of the latter any type is taken, since it is for the upstream to say what it makes of it.
    """

    id: Annotated[str, msgspec.Meta(min_length=1)]
    trace_id: Annotated[str, msgspec.Meta(min_length=1)]
    end_timestamp: str | None = None
    parent_id: Any = None
    name: Any = None
    start_timestamp: Any = None
    status: Any = None


class Scan(msgspec.Struct, frozen=True, gc=False):
    """What a body holds. spans: copies in it; unended: those without an end, heads: of each (span_json only)."""

    spans: int
    unended: int = 0
    heads: Sequence[Head] = ()


class Format(Protocol):
    """An encoding of many spans in one body. The modules of this package are formats.

    Pure: bytes in, bytes out. A span stays opaque; only `faults` looks inside.
    """

    @property
    def name(self) -> str: ...

    @property
    def content_type(self) -> str: ...

    def scan(self, body: bytes) -> Scan:
        """Validate the outside of a body and count its spans.

        Raises MalformedChunk, or NotTraces for metrics and logs, with the position in bytes.
        """
        ...

    def cull(self, body: bytes, max_span_bytes: int) -> tuple[bytes, int, int]:
        """Take out the spans over the limit: (body, spans kept, spans culled)."""
        ...

    def join(self, bodies: Sequence[bytes]) -> bytes:
        """One body with the spans of all, in order, in the plain form of the format."""
        ...

    def split(self, body: bytes, max_spans: int, max_bytes: int) -> list[tuple[bytes, int]]:
        """Parts (body, spans), in order, each under both limits.

        A span that is over `max_bytes` with what frames it stands alone. Resource, scope and fields that we do not know
        are repeated in each part.
        """
        ...

    def faults(self, body: bytes) -> list[tuple[int, str]]:
        """(index in the order of the body, why) of the spans that no upstream can parse.

        Costs twenty scans: asked only after an upstream refused the body.
        """
        ...
