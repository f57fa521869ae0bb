"""One file a dialect: how agents write spans over HTTP, and how they want to be answered."""

from typing import Final

from inspan.wire import AGENTEX_SPANS, SGP_BATCH, SPANS, TRACES
from inspan_collector.receiver.dialects import agentex, liveness, otlp, sgp, spans
from inspan_collector.receiver.dialects.dialect import Dialect, Reading, Refusal, Refuses

__all__ = ["NAMES", "ROUTES", "Dialect", "Reading", "Refusal", "Refuses", "below", "refusing"]

ROUTES: Final[dict[str, Dialect]] = {TRACES: otlp, SPANS: spans, SGP_BATCH: sgp, AGENTEX_SPANS: agentex}
# unknown: HTTP that no dialect knows
NAMES: Final = (*(dialect.name for dialect in ROUTES.values()), liveness.name, "unknown")


def below(path: str) -> Dialect | None:
    """Whose a path is that is none of ROUTES, but lies below one; None where nobody has it."""
    return agentex if agentex.span_of(path) is not None else None


def refusing(path: str) -> Refuses | None:
    """Whose words a refusal under this path wants; None where nobody has the path."""
    dialect = ROUTES.get(path)
    if dialect is None and liveness.read_path(path) is not None:
        return liveness
    return dialect or below(path)
