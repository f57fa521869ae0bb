"""One file a dialect: how agents write spans over HTTP, and how they want to be answered."""

from typing import Final

from inspan.wire import SGP_BATCH, SPANS, TRACES
from inspan_collector.receiver.dialects import otlp, sgp, spans
from inspan_collector.receiver.dialects.dialect import Dialect, Reading, Refusal

__all__ = ["NAMES", "ROUTES", "Dialect", "Reading", "Refusal"]

ROUTES: Final[dict[str, Dialect]] = {TRACES: otlp, SPANS: spans, SGP_BATCH: sgp}
NAMES: Final = (*(dialect.name for dialect in ROUTES.values()), "unknown")  # unknown: HTTP that no dialect knows
