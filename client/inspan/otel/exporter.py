"""For the SDK's own processors, where a program has one already."""

from collections.abc import Sequence
from typing import Unpack

from opentelemetry.sdk.trace import ReadableSpan, export

from inspan.client import Client
from inspan.otel.sending import Arguments, Sending


class SpanExporter(export.SpanExporter):
    """Gives spans to an inspan client, and returns at once: the processor's queue is never full for want of a sidecar.

    client: where to; default: one of its own, made with `arguments`, of which see `inspan.Client` (`socket`, `service`,
    `max_bytes`, `linger`). Its own is closed by `shutdown`. Another one should be made with `close_at_exit=False`: a
    batch processor hands over its last spans at exit, which may be after clients have closed.
    """

    def __init__(self, client: Client | None = None, **arguments: Unpack[Arguments]) -> None:
        self._sending = Sending(client, arguments)

    def __repr__(self) -> str:
        return f"<SpanExporter {self._sending!r}>"

    @property
    def client(self) -> Client:
        """Where spans go; `client.stats()` is their account."""
        return self._sending.client

    def export(self, spans: Sequence[ReadableSpan]) -> export.SpanExportResult:
        """SUCCESS where all are kept; FAILURE where one was dropped, which the client has counted with its reason."""
        kept = [self._sending.keep(span) for span in spans]
        return export.SpanExportResult.SUCCESS if all(kept) else export.SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Send what there is, 2 s at most; close the client if it is our own. What comes later is dropped, counted."""
        self._sending.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until the sidecar has every span that was exported before. False: it has not, after so long.

        A batch processor does not ask: its own `force_flush` is true once it has exported.
        """
        return self._sending.flush(timeout_millis)
