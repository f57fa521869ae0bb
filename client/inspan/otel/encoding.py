"""A span of the SDK becomes bytes: by our own encoder, or by the SDK's, of which it uses the public face alone.

That face takes spans together, and hashes and encodes their resource each time: 30 µs for a span of four attributes. A
span shown without its resource takes 21 µs, and by our own encoder 4.5. The SDK's is asked for what ours does not know,
for everything where the two do not agree on a specimen, and always for resources and scopes.
"""

from functools import cache
from typing import Any, Final

from google.protobuf.message import Message
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from inspan.dialects import Entry
from inspan.encoding import Unencodable
from inspan.otel.dialect import OTLP, Origin, framed
from inspan.otel.origins import Origins
from inspan.otel.span_bytes import span_bytes
from inspan.otel.specimen import specimen

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

    __slots__ = ("_origins", "_own")

    def __init__(self) -> None:
        self._origins = Origins()
        self._own = agrees()

    def __repr__(self) -> str:
        return f"<Encoder {self._origins!r}>"

    def encode(self, span: ReadableSpan) -> Entry:
        """One span. Raises Unencodable for what the SDK's encoder cannot write: texts that are not Unicode, say."""
        try:
            return self._entry(span)
        except Exception as error:  # noqa: BLE001  any code of the agent's may run in here, and its error is not the agent's concern
            raise Unencodable(f"{type(error).__name__}: {error}") from None

    def _entry(self, span: ReadableSpan) -> Entry:
        encoded = framed(self._bytes(span))
        key = (id(span.resource), span.instrumentation_scope)  # a resource is hashed by its JSON, which takes 5 µs
        origin = self._origins.find(key) or self._origins.add(key, _origin(span), keep=span.resource)
        return OTLP, (origin, encoded), len(encoded)

    def _bytes(self, span: ReadableSpan) -> bytes:
        if self._own:
            try:
                return span_bytes(span)
            except Exception:  # noqa: BLE001, S110  whatever it was, the library's word on it is the one that counts
                pass
        return library_bytes(span)


def library_bytes(span: ReadableSpan) -> bytes:
    """A serialized Span, as the SDK's encoder writes it: what ours is measured by. Raises what that raises."""
    request = encode_spans([_Bare(span)])  # type: ignore[list-item]
    written: bytes = request.resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    return written


@cache
def agrees() -> bool:
    """Whether the SDK that is installed here writes what our encoder writes. False: the SDK's is used alone."""
    try:
        shown = specimen()
        return span_bytes(shown) == library_bytes(shown)
    except Exception:  # noqa: BLE001  an SDK of another version may lack or refuse anything of this
        return False


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
