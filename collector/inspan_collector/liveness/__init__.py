"""The registered agents: which of them live, and what they lost before the socket. Pure: told the time."""

from inspan_collector.liveness.registered import COMPLETED, LOST, RUNNING, STATES, Registered
from inspan_collector.liveness.registry import SWEEP, Registry
from inspan_collector.liveness.services import REASONS, Totals
from inspan_collector.liveness.told import MalformedTelling, Registration, Report, read_registration, read_report

__all__ = [
    "COMPLETED",
    "LOST",
    "REASONS",
    "RUNNING",
    "STATES",
    "SWEEP",
    "MalformedTelling",
    "Registered",
    "Registration",
    "Registry",
    "Report",
    "Totals",
    "read_registration",
    "read_report",
]
