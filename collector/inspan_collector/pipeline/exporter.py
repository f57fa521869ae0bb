"""What a destination asks of the one who speaks to its upstream."""

from typing import Protocol

from inspan_collector.formats import Format
from inspan_collector.receipt import Receipt


class Exporter(Protocol):
    """Turns a body into one request of its kind, and the answer into a decision."""

    formats: frozenset[str]
    working: int  # times a batch's bytes that an attempt needs at most: joined, and framed or compressed; see room
    upserts: bool  # a later copy of a span replaces the earlier one, so starts are sent too; takes span_json alone

    async def open(self) -> None:
        """Make connections possible, on the running loop."""

    async def close(self) -> None:
        """Close every connection."""

    def room(self, format: Format, size: int, spans: int) -> int:
        """Bytes that an attempt needs for a batch of `size` bytes, its joined body included.

        `working` times the size, unless this exporter writes the format anew.
        """

    def faults(self, format: Format, body: bytes) -> list[tuple[int, str]]:
        """(index in the order of the body, why) of the spans that can never be sent or parsed. See Format.faults."""

    async def encode(self, format: Format, body: bytes) -> bytes:
        """The bytes that will be sent for a plain body: framed and compressed.

        Raises Isolate, with the status UNSENT, where spans are in it that can never be sent: `faults` says which.
        """

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        """Send encoded bytes. Raises Later, Isolate or Pause."""

    def connections(self) -> tuple[int, int]:
        """Connections open now, and opened since the start."""
