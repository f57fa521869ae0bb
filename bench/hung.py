"""An upstream that hangs: it is there, connections are made, and nothing is ever read or answered."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Final

BACKLOG: Final = 128  # connections that the kernel makes though nobody accepts them; over what any peer here opens


@contextlib.contextmanager
def hung() -> Iterator[str]:
    """Its URL. It costs no CPU, and all that is written to it is what the kernel's buffers take."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as sock:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
