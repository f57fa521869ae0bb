"""What is kept on disk, and when. Sizes in bytes, times in seconds."""

from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from inspan_collector.config.unfit import Unfit, need_positive
from inspan_collector.config.values import Percent, Seconds, Size, percent, seconds, size


class SpoolConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: Path = field(default_factory=lambda: Path("/var/lib/inspan/spool.db"))  # by factory, as for `size`
    mode: Literal["overflow", "always"] = "overflow"  # always: each chunk is written first, at the price of the disk
    threshold: Percent = percent("50%")  # of a queue's bounds; the rest is room for what comes while the disk writes
    spill_after: Seconds = seconds("30s")  # of a gate that is not open: most restarts are over by then
    max_bytes: Size = size("1GiB")  # of all destinations: a day of a quiet agent, an hour of a busy one
    max_age: Seconds | None = None  # bounds decide; an old span is still worth reading
    recovery_share: Percent = percent("25%")  # of the batches where fresh spans wait too: these go first to the eye
    ack_timeout: Seconds = seconds("5s")  # for a durable ack; half of what SDKs wait for an answer
    lifetime: Literal["container", "pod", "persistent"] = "pod"  # what the volume outlives; an emptyDir is gone with it

    def __post_init__(self) -> None:
        need_positive(self, "max_age", "ack_timeout")
        if not self.path.is_absolute():
            raise Unfit("path", f"{self.path} is not absolute; a spool must be found again wherever inspan starts")
