"""Peers that are inside the agent: no sidecar takes their spans, and what sending them costs is the agent's."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Protocol

from bench.agents import Kind
from bench.peers.settings import Settings
from bench.peers.starting import said
from bench.process import Failed

ALL: Final = frozenset(Settings.__struct_fields__)
QUEUE: Final = 2048  # spans; what the SDK's processor holds by default, and no batch of it may be larger


class InProcess(Protocol):
    """A program that follows a schedule (bench.pace), and sends by itself. Its target is the upstream's URL, without a
    path.

    dialect: `otlp`, to bench.sink, or `sgp`, to bench.rows_sink. deaf: the settings it has no way to be told, by name.
    """

    @property
    def name(self) -> str: ...
    @property
    def dialect(self) -> str: ...
    @property
    def deaf(self) -> frozenset[str]: ...

    def available(self) -> str | None:
        """Why it cannot be measured here; None where it can."""

    def version(self) -> str:
        """What it is. Raises Failed where it is not available."""

    def kind(self, settings: Settings) -> Kind:
        """What bench.agents starts. Raises Failed where a setting has a value that it does not know."""


class OtelSdk:
    """See InProcess. BatchSpanProcessor over the OTLP/HTTP exporter: one thread, and a queue bounded in spans."""

    name = "OpenTelemetry SDK, BatchSpanProcessor"
    dialect = "otlp"
    deaf = ALL - {"compression", "batch_spans", "linger"}

    def __repr__(self) -> str:
        return "<OtelSdk>"

    def available(self) -> str | None:
        """See InProcess."""
        return _missing("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")

    def version(self) -> str:
        """See InProcess."""
        return _versions("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")

    def kind(self, settings: Settings) -> Kind:
        """See InProcess."""
        if settings.compression not in ("gzip", "none"):
            raise Failed(f"OpenTelemetry's SDK compresses with gzip or deflate, and not with {settings.compression}")
        environ = {"OTEL_EXPORTER_OTLP_COMPRESSION": settings.compression}
        if settings.batch_spans is not None:
            environ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"] = str(settings.batch_spans)
            environ["OTEL_BSP_MAX_QUEUE_SIZE"] = str(max(QUEUE, settings.batch_spans))
        if settings.linger is not None:
            environ["OTEL_BSP_SCHEDULE_DELAY"] = str(round(settings.linger * 1e3))
        return Kind("bench.peers.otel_agent", environ=environ)


class AgentexSdk:
    """See InProcess. AsyncSpanQueue, in a Python of its own: $INSPAN_BENCH_AGENTEX. starts: whether it sends the starts
    of spans too, which it leaves out by default."""

    dialect = "sgp"
    deaf = ALL - {"batch_spans", "linger", "concurrency"}

    def __init__(self, *, starts: bool = False) -> None:
        self.name = f"agentex-sdk, AsyncSpanQueue{', starts too' if starts else ''}"
        self.starts = starts

    def __repr__(self) -> str:
        return f"<AgentexSdk {self.python} starts={self.starts}>"

    @property
    def python(self) -> str | None:
        """The one that has it; None where none is named."""
        return os.environ.get("INSPAN_BENCH_AGENTEX") or None

    def available(self) -> str | None:
        """See InProcess."""
        if self.python is None:
            return "not found: set INSPAN_BENCH_AGENTEX to a Python >= 3.12 that has agentex-sdk"
        return None if self._version() else f"{self.python} does not run, or has no agentex-sdk"

    def version(self) -> str:
        """See InProcess."""
        found = self._version()
        if found is None:
            raise Failed(f"agentex-sdk: {self.available()}")
        return found

    def kind(self, settings: Settings) -> Kind:
        """See InProcess."""
        if self.python is None:
            raise Failed(f"agentex-sdk: {self.available()}")
        linger = None if settings.linger is None else round(settings.linger * 1e3)
        told = {
            "AGENTEX_TRACING_SKIP_SPAN_START": 0 if self.starts else None,
            "AGENTEX_SPAN_QUEUE_BATCH_SIZE": settings.batch_spans,
            "AGENTEX_SPAN_QUEUE_LINGER_MS": linger,
            "AGENTEX_SPAN_QUEUE_CONCURRENCY": settings.concurrency,
        }
        environ = {name: str(value) for name, value in told.items() if value is not None}
        return Kind("bench.peers.agentex_agent", self.python, environ)

    def _version(self) -> str | None:
        asks = "import platform; from importlib.metadata import version as v; print('agentex-sdk', v('agentex-sdk'),"
        asks += " 'with scale-gp-beta', v('scale-gp-beta') + ', Python', platform.python_version())"
        return said([self.python, "-c", asks]) if self.python else None


class HttpxPosts:
    """See InProcess. Each start and each end goes at once, over a connection of its own: how agents sent before there
    were queues. It has nothing to set but how many may be out."""

    name = "httpx, direct posts without keep-alive"
    dialect = "sgp"
    deaf = ALL - {"concurrency"}

    def __repr__(self) -> str:
        return "<HttpxPosts>"

    def available(self) -> str | None:
        """See InProcess."""
        return _missing("httpx")

    def version(self) -> str:
        """See InProcess."""
        return _versions("httpx")

    def kind(self, settings: Settings) -> Kind:
        """See InProcess."""
        most = settings.concurrency
        return Kind("bench.peers.httpx_agent", sys.executable, {} if most is None else {"BENCH_HTTPX_MOST": str(most)})


def _missing(*packages: str) -> str | None:
    """Why it cannot be measured: the first that is not installed."""
    for package in packages:
        try:
            version(package)
        except PackageNotFoundError:
            return f"{package} is not installed"
    return None


def _versions(*packages: str) -> str:
    if missing := _missing(*packages):
        raise Failed(missing)
    return f"{', '.join(f'{package} {version(package)}' for package in packages)}, Python {platform.python_version()}"


OTEL_SDK: Final = OtelSdk()
AGENTEX: Final = AgentexSdk()
STARTED: Final = AgentexSdk(starts=True)
HTTPX: Final = HttpxPosts()
IN_PROCESS: Final[tuple[InProcess, ...]] = (OTEL_SDK, AGENTEX, STARTED, HTTPX)
