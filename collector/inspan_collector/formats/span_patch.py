"""Changes of spans that the upstream has: a JSON array of objects, each with the `id` and `trace_id` of its span.

No agent posts it. It is written here, in SGP's names, for what an agent cannot say any more.
"""

from typing import Final

from inspan_collector.formats.span_json import content_type, cull, faults, join, scan, split

__all__ = ["content_type", "cull", "faults", "join", "name", "scan", "split"]

name: Final = "span_patch"
