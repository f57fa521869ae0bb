"""The OpenTelemetry Collector: its core's OTLP receiver and OTLP/HTTP exporter, built by its own builder.

Batches are made in the exporter's queue, as its documentation asks: the `batch` processor is deprecated, and holds what
it has outside of any queue. No `memory_limiter`: what may wait is bounded by the queue alone, for every peer.
"""

import os
from pathlib import Path
from typing import Any

import msgspec

from bench.peers.peer import Running
from bench.peers.settings import Settings, milliseconds, told
from bench.peers.starting import free_port, said, start
from bench.process import Failed


class Collector:
    """See Peer. Its own batches are of 8,192 spans at least, or 200 ms."""

    name = "OpenTelemetry Collector"
    delivers = True
    linger = 0.2
    transports = frozenset({"unix", "tcp"})
    deaf = frozenset({"spool"})

    def __repr__(self) -> str:
        return f"<Collector {found()}>"

    def available(self) -> str | None:
        """See Peer."""
        path = found()
        if path is None:
            return "not found: `make .bench/.otelcol` builds it where there is Go; INSPAN_BENCH_OTELCOL names it"
        return None if said([path, "--version"]) else f"{path} does not run here"

    def version(self) -> str:
        """See Peer."""
        path = found()
        name = path and said([path, "--version"])
        if not name:
            raise Failed(f"the OpenTelemetry Collector: {self.available()}")
        return name

    def start(self, workdir: Path, listen: str, upstream: str, settings: Settings, core: int | None = None) -> Running:
        """See Peer."""
        file = workdir / "otelcol.yaml"
        file.write_bytes(msgspec.json.encode(configuration(listen, upstream, settings)))  # JSON is YAML
        return start([str(found()), "--config", str(file)], workdir, listen, core)


def found() -> Path | None:
    """The executable: $INSPAN_BENCH_OTELCOL; None where none is named."""
    named = os.environ.get("INSPAN_BENCH_OTELCOL")
    return Path(named) if named else None


def configuration(listen: str, upstream: str, settings: Settings) -> dict[str, Any]:
    """The whole file. Its metrics are served as by default, on a port that is free: all peers count as they go."""
    scheme, _, path = listen.partition(":")
    receiver = {"endpoint": path, "transport": "unix"} if scheme == "unix" else {"endpoint": listen}
    metrics = {"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": free_port()}}}}
    kept = None if settings.keepalive is None else {"idle_conn_timeout": milliseconds(settings.keepalive)}
    exporter = {
        "endpoint": upstream,
        "compression": settings.compression,
        "sending_queue": queue(settings),
        **({} if settings.level is None else {"compression_params": {"level": settings.level}}),
        **told(keepalive=kept),
    }
    return {
        "receivers": {"otlp": {"protocols": {"http": receiver}}},
        "exporters": {"otlp_http": exporter},
        "service": {
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["otlp_http"]}},
            "telemetry": {"metrics": {"readers": [metrics]}},
        },
    }


def queue(settings: Settings) -> dict[str, Any]:
    """The exporter's queue. Where nobody bounds its bytes it counts requests, which its documentation calls the most
    performant.

    A batch has one measure: spans, which cost it less than bytes, where both are set. It goes when it has so many, and
    one request more than that is not split, which would cost it as well.
    """
    linger = None if settings.linger is None else milliseconds(settings.linger)
    held = {"sizer": "bytes", "queue_size": settings.queue_bytes} if settings.queue_bytes else {}
    in_bytes = settings.batch_spans is None and settings.batch_bytes is not None
    sizer, least = ("bytes", settings.batch_bytes) if in_bytes else ("items", settings.batch_spans)
    batch = {"sizer": sizer, **told(flush_timeout=linger, min_size=least)}
    return {**held, **told(num_consumers=settings.concurrency), "batch": batch}
