"""What a feed might say, made for tests."""

from typing import Any

import msgspec

from inspan_collector.cli.top.told import History, Moment


def destination(name: str = "up", **members: Any) -> dict[str, Any]:
    queue = {"spans": 0, "bytes": 0, "capacity_spans": 1000, "capacity_bytes": 1000, "oldest_age_seconds": None}
    return {
        "name": name,
        "kind": "otlp",
        "to": "https://up.example/v1/traces",
        "gate": {"state": "open", "reason": "", "seconds": None},
        "batches": {"sent": 0, "spans": 0, "bytes": 0},
    } | {"queue": queue | members.pop("queue", {}), **members}


def moment(
    *destinations: dict[str, Any],
    at: float = 1000.0,
    books: dict[str, dict[str, int]] | None = None,
    accepted: int = 0,
    seconds: float | None = None,
    events: list[dict[str, Any]] | None = None,
    **status: Any,
) -> Moment:
    told = {
        "ledger": {
            "dialects": {"otlp": {"received": accepted, "accepted": accepted, "refused": {}}},
            "destinations": books or {},
            "imbalance": 0,
        },
        "destinations": list(destinations) or [destination()],
        "life": {"version": "1.2.3", "host": "pod-1", "ready": True, "seconds": at if seconds is None else seconds},
    } | status
    return msgspec.convert({"at": at, "status": told, "events": events or []}, Moment)


def history(at: list[float], **dropped: list[int]) -> History:
    columns = {name: {"filled": [0] * len(at), "dropped": counts} for name, counts in dropped.items()}
    return msgspec.convert({"at": at, "destinations": columns}, History)
