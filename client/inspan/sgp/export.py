"""What the tracing of SGP's SDK calls with the batches of its own queue."""

from collections.abc import Callable, Iterable, Mapping

from inspan.client import Client
from inspan.shared import shared


def export_fn(client: Client | None = None) -> Callable[[Iterable[Mapping[str, object]]], None]:
    """A function for `scale_gp_beta.lib.tracing.init(client=…, export_fn=…)`, which never raises and never waits.

    client: default: one that all ways in of this process share. What it drops it counts. The SDK exports nothing
    without an SGPClient, with any key, though it makes no request then. Its queue stays in front, with what it drops
    uncounted and with starts that look as their ends: `inspan.sgp.tracing.init` does without.
    Source: scale_gp_beta.lib.tracing.trace_queue_manager.init.
    """
    record = (shared() if client is None else client).record

    def export(batch: Iterable[Mapping[str, object]]) -> None:
        for span in batch:
            record(span)

    return export
