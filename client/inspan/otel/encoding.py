"""A span of the SDK becomes bytes, by the SDK's own encoder and by its public face alone.

That face takes spans together and hashes and encodes their resource each time: 39 µs for a span of four attributes,
where the span alone is 13 µs. A span shown without its resource takes 22 µs; written by hand it would be 9 µs, which is
not worth a second encoder that has to follow the first.
"""

from typing import Any, Final

from google.protobuf.message import Message
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from inspan.dialects import Entry
from inspan.encoding import Unencodable
from inspan.otel.dialect import OTLP, Origin, framed
from inspan.otel.origins import Origins

_OFTEN: Final = (
    "attributes", "context", "dropped_attributes", "dropped_events", "dropped_links", "end_time", "events", "kind",
    "links", "name", "parent", "start_time", "status",
)  # fmt: skip


class _Nowhere:
    """The resource of spans that are shown without theirs."""

    attributes: Final[dict[str, Any]] = {}
    schema_url: Final = ""


class _Bare:
    """A span as the encoder sees it, without resource and scope. _OFTEN: looked up once and directly, for speed; what
    else an encoder of another version asks for is the span's."""

    __slots__ = (*_OFTEN, "_span")

    resource: Final = _Nowhere()
    instrumentation_scope: Final = None

    def __init__(self, span: ReadableSpan) -> None:
        self._span = span
        for name in _OFTEN:
            setattr(self, name, getattr(span, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._span, name)


class Encoder:
    """Spans to entries. What is refused here, is refused alone."""

    __slots__ = ("_origins",)

    def __init__(self) -> None:
        self._origins = Origins()

    def __repr__(self) -> str:
        return f"<Encoder {self._origins!r}>"

    def encode(self, span: ReadableSpan) -> Entry:
        """One span. Raises Unencodable for what the SDK's encoder cannot write: texts that are not Unicode, say."""
        try:
            return self._entry(span)
        except Exception as error:  # noqa: BLE001  any code of the agent's may run in here, and its error is not the agent's concern
            raise Unencodable(f"{type(error).__name__}: {error}") from None

    def _entry(self, span: ReadableSpan) -> Entry:
        request = encode_spans([_Bare(span)])  # type: ignore[list-item]
        encoded = framed(request.resource_spans[0].scope_spans[0].spans[0].SerializeToString())
        key = (id(span.resource), span.instrumentation_scope)  # a resource is hashed by its JSON, which takes 5 µs
        origin = self._origins.find(key) or self._origins.add(key, _origin(span), keep=span.resource)
        return OTLP, (origin, encoded), len(encoded)


def _origin(span: ReadableSpan) -> Origin:
    (resource,) = encode_spans([span]).resource_spans
    (scope,) = resource.scope_spans
    alone = without(scope, "spans")
    return Origin(without(resource, "scope_spans"), alone)


def without(message: Message, field: str) -> bytes:
    """A message as bytes, but for one field, which it has no more then."""
    message.ClearField(field)
    written: bytes = message.SerializeToString()
    return written
