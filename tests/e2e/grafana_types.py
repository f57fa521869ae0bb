"""Reads a dashboard on standard input as Grafana's own types do, and writes what they have not kept or have otherwise.

Runs in the environment that has them. One line a place: its path, and what stood there.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(told: Any, kept: Any, path: str = "") -> Iterator[str]:
    """What they add as defaults is no loss."""
    if isinstance(told, dict) and isinstance(kept, dict):
        for key, value in told.items():
            yield from lost(value, kept.get(key), f"{path}/{key}")
    elif isinstance(told, list) and isinstance(kept, list) and len(told) == len(kept):
        for number, (before, after) in enumerate(zip(told, kept, strict=True)):
            yield from lost(before, after, f"{path}/{number}")
    elif told != kept:
        yield f"{path}: {json.dumps(told)}"


plugins.register_default_plugins()
told = json.load(sys.stdin)
kept = json.loads(json.dumps(Dashboard.from_json(told), cls=JSONEncoder))
print(*lost(told, kept), sep="\n", end="")
