"""What stands behind the door: whoever takes spans, or says at once why not."""

from collections.abc import Hashable
from typing import Protocol

from inspan_collector.formats import Scan
from inspan_collector.ledger import QueueRefusal
from inspan_collector.pledge import Pledge


class Offer(Protocol):
    """How spans are taken: None, or why not. `reserved` bytes of custody go with them where they are taken.

    pledge: None, or told of every write that must be durable. One that was refused is not heard any more.
    """

    def __call__(
        self, format: str, body: bytes, scan: Scan, agent: Hashable, reserved: int, pledge: Pledge | None
    ) -> QueueRefusal | None: ...
