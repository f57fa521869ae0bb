"""The contract that agents and the sidecar share: paths, header names, where the socket is.

The only client module that the collector imports.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

TRACES: Final = "/v1/traces"  # OTLP/HTTP specification, "Default URL"
SPANS: Final = "/v1/spans"
SGP_BATCH: Final = "/v5/spans/batch"

ACK: Final = "Inspan-Ack"  # request: accepted (default) or durable
CUSTODY: Final = "Inspan-Custody"  # answer: what we hold although the wished ack was not given
QUEUE_FILL: Final = "Inspan-Queue-Fill"  # answer: 0.00 to 1.00, of the destination with the most room
AGENT: Final = "Inspan-Agent"
SEQUENCE: Final = "Inspan-Sequence"
ACCOUNT: Final = "x-selected-account-id"  # SGP's tenancy header

MAX_SOCKET_PATH: Final = 107  # bytes; sockaddr_un.sun_path holds 108 with its NUL on Linux

RUN_DIRECTORY: Final = Path("/run/inspan")


def default_socket(environ: Mapping[str, str] | None = None) -> Path:
    """Where the socket is when nobody says: the same rule for agents and the sidecar.

    `/run/inspan` where that exists and can be written (or can be made), else `$XDG_RUNTIME_DIR/inspan`,
    else `inspan-UID` in the temporary directory.
    """
    environ = os.environ if environ is None else environ
    if environ.get("INSPAN_SOCKET"):
        return Path(environ["INSPAN_SOCKET"])
    home = RUN_DIRECTORY if RUN_DIRECTORY.exists() else RUN_DIRECTORY.parent
    if os.access(home, os.W_OK | os.X_OK):
        return RUN_DIRECTORY / "inspan.sock"
    if environ.get("XDG_RUNTIME_DIR"):
        return Path(environ["XDG_RUNTIME_DIR"]) / "inspan" / "inspan.sock"
    return Path(tempfile.gettempdir()) / f"inspan-{os.getuid()}" / "inspan.sock"
