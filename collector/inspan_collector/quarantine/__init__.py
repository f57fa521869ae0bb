"""Spans that an upstream refuses for good, kept with the reason: in memory, or in the spool where there is one."""

from inspan_collector.quarantine.kept import Again, Entry, Quarantine, read_id, shown_id
from inspan_collector.quarantine.memory import MemoryQuarantine
from inspan_collector.quarantine.spooled import SpoolQuarantine

__all__ = ["Again", "Entry", "MemoryQuarantine", "Quarantine", "SpoolQuarantine", "read_id", "shown_id"]
