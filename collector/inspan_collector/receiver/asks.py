"""What a request asks of us beyond being taken: how far its spans must be before it is answered, and to be known again.

Pure: from headers to `Asks`, or MalformedAsk.
"""

from typing import Final

import msgspec

from inspan.wire import ACK, AGENT, SEQUENCE
from inspan_collector.errors import InspanError

ACKS: Final = (b"accepted", b"durable")
MAX_NAME: Final = 128  # bytes; a host name, a pid and a UUID fit, and 16,384 remembered ones stay a few MB

ACK_KEY: Final = ACK.lower().encode()
AGENT_KEY: Final = AGENT.lower().encode()
SEQUENCE_KEY: Final = SEQUENCE.lower().encode()

Pair = tuple[bytes, bytes]  # agent, sequence


class MalformedAsk(InspanError):
    """Headers of which we cannot know what they ask. The message says what would be right."""


class Asks(msgspec.Struct, frozen=True, gc=False):
    """durable: the answer waits until the spans are on disk. post: agent and sequence, where it wants to be known."""

    durable: bool
    post: Pair | None


def read_asks(headers: dict[bytes, bytes]) -> Asks | None:
    """What these headers ask; None for what everybody asks. headers: names in lower case.

    Errors: MalformedAsk for an unknown ack, one header of the pair alone, or one that is too long or not readable.
    """
    ack = headers.get(ACK_KEY, b"accepted").strip().lower()
    if ack not in ACKS:
        raise MalformedAsk(f"{ACK} {_shown(ack)}: use accepted or durable")
    post = _read_pair(headers) if AGENT_KEY in headers or SEQUENCE_KEY in headers else None
    return Asks(ack == b"durable", post) if post is not None or ack == b"durable" else None


def _read_pair(headers: dict[bytes, bytes]) -> Pair:
    if AGENT_KEY not in headers or SEQUENCE_KEY not in headers:
        raise MalformedAsk(f"{AGENT} and {SEQUENCE} belong together: send both or none")
    agent, sequence = headers[AGENT_KEY].strip(), headers[SEQUENCE_KEY].strip()
    if not 0 < len(agent) <= MAX_NAME or not agent.isascii() or not agent.decode("ascii").isprintable():
        raise MalformedAsk(f"{AGENT} {_shown(agent)}: use 1 to {MAX_NAME} printable ASCII characters")
    if not 0 < len(sequence) <= MAX_NAME or not sequence.isdigit():
        raise MalformedAsk(f"{SEQUENCE} {_shown(sequence)}: use 1 to {MAX_NAME} digits")
    return agent, sequence


def _shown(value: bytes) -> str:
    return repr(value[:40].decode("latin-1"))
