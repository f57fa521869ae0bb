"""Ways in which an agent may record a span of one kilobyte: those of inspan's client, and OpenTelemetry's.

Each is told what the agent knows anyway (`prepare`), and what recording it takes is all that is measured (`record`).
"""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any, Final, NamedTuple, Protocol

import inspan
from bench.bare import Bare
from bench.contents import AGENT, Content, Contents
from bench.schedule import SPANS

SEED: Final = 20
TEXT: Final = 245  # characters each of input and output: with ids, times and metadata an ended span of 1 KB of JSON
PATIENCE: Final = 20.0  # s to hand over what a stretch left


class Counts(NamedTuple):
    """Spans so far, by the way's own account: taken by whoever is to send them on, and dropped."""

    taken: int
    dropped: int


class Way(Protocol):
    """One way."""

    def prepare(self, number: int) -> Any:
        """What the agent has at hand when it records a span."""

    def record(self, prepared: Any) -> object:
        """Record it."""

    def flush(self) -> None:
        """Until all is handed over."""

    def counts(self) -> Counts:
        """So far."""


class Made:
    """Dicts that the agent makes: ids and times are its own."""

    def __init__(self) -> None:
        self.contents = Contents(SEED, TEXT, TEXT)
        self.ids = itertools.count()

    def __repr__(self) -> str:
        return f"<Made {self.ids!r}>"

    def prepare(self, number: int) -> dict[str, Any]:
        """The dict."""
        content, now, mine = self.contents[number], datetime.now(UTC).isoformat(), next(self.ids)
        return {
            "name": content.name,
            "id": f"{mine:08x}-0000-4000-8000-00000000e0d5",
            "trace_id": f"{mine // SPANS:08x}-0000-4000-8000-00000007aced",
            "start_timestamp": now,
            "end_timestamp": now,
            "input": content.input,
            "output": content.output,
            "metadata": content.metadata | AGENT,
            "status": "SUCCESS",
            "type": content.kind,
        }


class Record(Made):
    """client.record of such a dict."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.client = inspan.Client(target, service="bench")
        self.record = self.client.record

    def flush(self) -> None:
        """See Way."""
        self.client.flush(timeout=PATIENCE)

    def counts(self) -> Counts:
        """See Way."""
        stats = self.client.stats()
        return Counts(stats.accepted, sum(stats.dropped.values()))


class Least(Made):
    """The same dict, with no client at all."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.bare = Bare(target)
        self.record = self.bare.record
        self.flush = self.bare.flush

    def counts(self) -> Counts:
        """See Way. What is posted it takes for taken."""
        return Counts(self.bare.posted, 0)


class Spanned:
    """client.span: ids and times are the client's. starts: whether the start is sent too."""

    def __init__(self, target: str, *, starts: bool) -> None:
        self.client = inspan.Client(target, service="bench", starts=starts)
        self.contents = Contents(SEED, TEXT, TEXT)
        self.copies = 1 + starts

    def __repr__(self) -> str:
        return f"<Spanned {self.client!r}>"

    def prepare(self, number: int) -> Content:
        """What the span says."""
        return self.contents[number]

    def record(self, content: Content) -> None:
        """See Way."""
        with self.client.span(content.name, type=content.kind, input=content.input, metadata=content.metadata) as span:
            span.output = content.output

    def flush(self) -> None:
        """See Way."""
        self.client.flush(timeout=PATIENCE)

    def counts(self) -> Counts:
        """See Way. A copy counts as its share of a span."""
        stats = self.client.stats()
        return Counts(stats.accepted // self.copies, sum(stats.dropped.values()) // self.copies)


def _otel(name: str) -> Callable[[str], Way]:
    """Imported only where it is measured: an agent that has none does not pay for it."""

    def make(target: str) -> Way:
        from bench import otel_ways

        way: Way = getattr(otel_ways, name)(target)
        return way

    return make


LEAST: Final = "encode and post, no client"
RECORD: Final = "client.record(dict)"
SPAN: Final = "client.span(), end only"
BOTH: Final = "client.span(), start and end"
OTEL: Final = "OpenTelemetry, OTLP/HTTP"
PROCESSOR: Final = "inspan.otel.SpanProcessor"
EXPORTER: Final = "inspan.otel.SpanExporter"

WAYS: Final[dict[str, Callable[[str], Way]]] = {
    LEAST: Least,
    RECORD: Record,
    SPAN: lambda target: Spanned(target, starts=False),
    BOTH: lambda target: Spanned(target, starts=True),
    OTEL: _otel("over_http"),
    PROCESSOR: _otel("with_our_processor"),
    EXPORTER: _otel("with_our_exporter"),
}
JSON: Final = (LEAST, RECORD, SPAN, BOTH)  # the others send OTLP


def available() -> list[str]:
    """What can be measured here: this version of the client may have no OpenTelemetry of its own."""
    ours = find_spec("inspan.otel") is not None
    return [name for name in WAYS if ours or name not in (PROCESSOR, EXPORTER)]
