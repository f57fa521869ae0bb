"""Many spans as one ExportTraceServiceRequest."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from msgspec import Raw
from msgspec.json import Decoder

from inspan import __version__
from inspan_collector.errors import Untranslatable
from inspan_collector.formats.json_text import decode
from inspan_collector.translate.attributes import string
from inspan_collector.translate.heading import heading
from inspan_collector.translate.schema import CLASSES
from inspan_collector.translate.span import Service, translate

# Where a batch is translated in slices: one takes about a millisecond, and the loop has others to serve. A span takes
# 13 µs (144 B) to 25 µs (560 B, a call to a model), and 2 ns for each byte more (docs/decisions.md has the conditions).
SLICE_SPANS: Final = 32
SLICE_BYTES: Final = 256 << 10

# bytes; what a span may take in OTLP over its JSON: ids as they came, the lifted texts once more, framing. It is twice
# what a span takes that has everything; one made of nothing but long names can take 4 KiB
GROWTH: Final = 1 << 10

# Resource conventions: what `service.name` must be where nobody says, and no executable is known.
UNKNOWN_SERVICE: Final = b"unknown_service"

_spans: Final = Decoder(list[Raw])
_Request: Final[Any] = CLASSES["Request"]


def slices(body: bytes) -> Iterator[list[Raw]]:
    """The spans of a body, in order, in lists that take about a millisecond each. Raises MalformedChunk.

    The body must be UTF-8, as every one is that was scanned: what is spliced is not looked at.
    """
    part: list[Raw] = []
    size = 0
    for span in decode(_spans, body):
        if part and (len(part) == SLICE_SPANS or size + len(span) > SLICE_BYTES):
            yield part
            part, size = [], 0
        part.append(span)
        size += len(span)
    if part:
        yield part


def request(spans: Iterable[Raw]) -> bytes:
    """An encoded ExportTraceServiceRequest. Several of them, end to end, are one. Raises Untranslatable."""
    by_service: dict[Service, list[bytes]] = {}
    for span in spans:
        service, encoded = translate(span)
        by_service.setdefault(service, []).append(encoded)
    message = _Request()
    for service, group in by_service.items():
        resource = message.resource_spans.add()
        resource.resource.attributes.extend(_resource(service))
        scope = resource.scope_spans.add()
        scope.scope.name, scope.scope.version = b"inspan", __version__.encode()
        scope.spans.extend(group)
    body: bytes = message.SerializeToString()
    return body


def faults(body: bytes) -> list[tuple[int, str]]:
    """(index in the order of the body, why) of the spans that cannot be translated: those that `request` raises for."""
    found = []
    spans = decode(_spans, body)
    for index, span in enumerate(spans):
        try:
            heading(span)
        except Untranslatable as error:
            found.append((index, str(error)))
    return found


def _resource(service: Service) -> Sequence[bytes]:
    attributes = [string("service.name", service.name or UNKNOWN_SERVICE)]
    if service.version is not None:
        attributes.append(string("service.version", service.version))
    return attributes
