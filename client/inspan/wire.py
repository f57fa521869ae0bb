"""The contract that agents and the sidecar share: paths, header names, where the socket is.

The only client module that the collector imports.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

TRACES: Final = "/v1/traces"  # OTLP/HTTP specification, "Default URL"
SPANS: Final = "/v1/spans"
SGP_SPANS: Final = "/v5/spans"  # one span's own path is below it
SGP_BATCH: Final = "/v5/spans/batch"
AGENTEX_SPANS: Final = "/spans"  # of the AgentEx API; one span's own is below it
AGENTS: Final = "/v1/agents"  # register; an agent's own are below it: /{id}/heartbeat and /{id}/complete
HEARTBEAT: Final = "heartbeat"
COMPLETE: Final = "complete"
BEAT: Final = 10.0  # s between the heartbeats of an agent

ACK: Final = "Inspan-Ack"  # request: accepted (default) or durable
CUSTODY: Final = "Inspan-Custody"  # answer: what we hold although the wished ack was not given
QUEUE_FILL: Final = "Inspan-Queue-Fill"  # answer: 0.00 to 1.00, of the destination with the most room
AGENT: Final = "Inspan-Agent"
SEQUENCE: Final = "Inspan-Sequence"
ACCOUNT: Final = "x-selected-account-id"  # SGP's tenancy header

# How spans are lost before the socket, as agents say it; and what the sidecar concludes from their numbers.
DROPPED: Final = ("buffer_full", "too_large", "unencodable", "refused", "exit", "closed")
NEVER_ARRIVED: Final = "never_arrived"

MAX_SOCKET_PATH: Final = 107  # bytes; sockaddr_un.sun_path holds 108 with its NUL on Linux

RUN_DIRECTORY: Final = Path("/run/inspan")
SOCKET_NAME: Final = "inspan.sock"


def default_socket(environ: Mapping[str, str] | None = None) -> Path:
    """Where a sidecar puts its socket when nobody says.

    `/run/inspan` where that exists and can be written (or can be made), else `$XDG_RUNTIME_DIR/inspan`,
    else `inspan-UID` in the temporary directory.
    """
    environ = os.environ if environ is None else environ
    if environ.get("INSPAN_SOCKET"):
        return Path(environ["INSPAN_SOCKET"])
    home = RUN_DIRECTORY if RUN_DIRECTORY.exists() else RUN_DIRECTORY.parent
    if os.access(home, os.W_OK | os.X_OK):
        return RUN_DIRECTORY / SOCKET_NAME
    return user_socket(environ)


def user_socket(environ: Mapping[str, str]) -> Path:
    """Where it is of a user who may not write to `/run/inspan`."""
    if environ.get("XDG_RUNTIME_DIR"):
        return Path(environ["XDG_RUNTIME_DIR"]) / "inspan" / SOCKET_NAME
    import tempfile  # 17 modules that most agents need not load

    try:
        temporary = tempfile.gettempdir()
    except OSError:  # none can be written to, as in a pod whose root is read-only: agents have nothing to write
        temporary = "/tmp"  # noqa: S108  to look into, and a sidecar is refused there with this as the place
    return Path(temporary) / f"inspan-{os.getuid()}" / SOCKET_NAME


def places(environ: Mapping[str, str] | None = None) -> list[Path]:
    """Where an agent looks for the socket when nobody says, first things first: an agent may use what it may not
    write to, so it cannot tell by the rule of the sidecar."""
    environ = os.environ if environ is None else environ
    if environ.get("INSPAN_SOCKET"):
        return [Path(environ["INSPAN_SOCKET"])]
    return [RUN_DIRECTORY / SOCKET_NAME, user_socket(environ)]
