"""The trail of a key: what became of every copy, in memory, for as long as there is room. Pure.

`trail` keeps entries and prunes them, `statuses` says what can be noted, `packing` makes small what people know a span
by, `blocks` has it, and `following` finds one trace.
"""

from inspan_collector.trail.blocks import Part
from inspan_collector.trail.following import Search, Span
from inspan_collector.trail.trail import Entry, Trail

__all__ = ["Entry", "Part", "Search", "Span", "Trail"]
