"""What the commands may ask of a spool, and what they may change in it."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from inspan_collector.config.model import SpoolConfig
from inspan_collector.errors import InspanError
from inspan_collector.pipeline.pipeline import Pipeline
from inspan_collector.row import Total
from inspan_collector.spool.spool import Spool


class SpoolDoor:
    """What the commands ask of the spool; see control.Spool."""

    def __init__(self, spool: Spool, pipelines: Mapping[str, Pipeline]) -> None:
        self.spool = spool
        self.pipelines = pipelines

    async def show(self) -> Mapping[str, Any]:
        """What is in it by destination, and its state."""
        totals = await self.spool.ask(lambda store: store.totals())
        config: SpoolConfig = self.spool.config
        return {
            "path": str(config.path),
            "trouble": self.spool.why_not(),
            "bytes": self.spool.size,
            "limit_bytes": int(config.max_bytes),
            "destinations": {
                name: {**_shown(total), "configured": name in self.pipelines} for name, total in totals.items()
            },
        }

    async def replay(self, source: str, target: str) -> Mapping[str, Any]:
        """Rows of a destination that is not configured any more become those of one that is."""
        if source in self.pipelines:
            raise InspanError(f"{source} is a destination of this sidecar, and sends what is its own by itself")
        pipeline = self.pipelines.get(target)
        if pipeline is None or pipeline.backlog is None:
            raise InspanError(f"{target} is no destination here; known are {', '.join(self.pipelines)}")
        moved = await self.spool.ask(partial(_adopt, source=source, target=target))
        pipeline.backlog.share.disk_spans += moved.spans
        pipeline.backlog.replayed(moved.spans)
        self.spool.strangers.pop(source, None)
        return {"from": source, "to": target, "rows": moved.rows, "spans": moved.spans}


def _adopt(store: Any, *, source: str, target: str) -> Total:
    moved: Total = store.adopt(source, target)
    return moved


def _shown(total: Total) -> Mapping[str, Any]:
    return {"rows": total.rows, "spans": total.spans, "bytes": total.size, "oldest": total.oldest}
