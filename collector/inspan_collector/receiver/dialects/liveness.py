"""What agents say of themselves, and not of spans: that they are here, that they live, that they end.

No `Dialect`: it reads no spans. Its requests have books of their own.
"""

from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from inspan.wire import AGENTS, BEAT, COMPLETE, HEARTBEAT
from inspan_collector.receiver.dialects import spans
from inspan_collector.receiver.dialects.dialect import Refusal

JSON: Final = "application/json"
REGISTER: Final = "register"

name: Final = "liveness"
methods: Final = frozenset({"POST"})

_BELOW: Final = f"{AGENTS}/"


class Call(msgspec.Struct, frozen=True, gc=False):
    """What a path asks. id: of the agent that speaks, empty where its body says who it is."""

    verb: str
    id: bytes = b""


def read_path(path: str) -> Call | None:
    """What is called under this path, which is not percent-decoded; None where nothing is."""
    if path == AGENTS:
        return Call(REGISTER)
    if not path.startswith(_BELOW):
        return None
    agent_id, _, verb = path.removeprefix(_BELOW).partition("/")
    return Call(verb, unquote_to_bytes(agent_id)) if agent_id and verb in (HEARTBEAT, COMPLETE) else None


def registered(agent_id: str) -> bytes:
    """The body of a 201."""
    return msgspec.json.encode({"id": agent_id, "heartbeat_seconds": round(BEAT)})


def failure(content_type: str, refusal: Refusal) -> tuple[str, bytes]:
    """See Dialect.failure."""
    return spans.failure(content_type, refusal)
