"""How late the sidecar's loop is, seen from outside, in its own process. Run as `python -m bench.lag HOST:PORT`.

`GET /livez` of the admin address on a kept connection at a fixed rate: the handler does nothing, so what it takes is
the way there and back, aiohttp's own 0.1 ms, the wait for a core, and the wait for the loop. A request that falls due
while one is out is counted as having waited from then on: a loop that stands still for long must not be seen once.

Told to by lines on stdin, `SECONDS`, each answered by a line of JSON: seconds, each request's.
"""

import socket
import sys
import time
from typing import Final

import msgspec

from bench.load import Reader, connect

PERIOD: Final = 0.005  # s; 2,000 samples in 10 s, and 2 % of the sidecar's core
REQUEST: Final = b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n"


def sample(sock: socket.socket, seconds: float) -> list[float]:
    """Seconds that each request took or would have taken."""
    reader, found = Reader(), []
    due = time.monotonic()
    end = due + seconds
    while due < end:
        time.sleep(max(0.0, due - time.monotonic()))
        sent = time.monotonic()  # that we woke late is not the sidecar's doing
        sock.sendall(REQUEST)
        reader.read(sock)
        answered = time.monotonic()
        found.append(answered - sent)
        due += PERIOD
        while due < answered:
            found.append(answered - due)
            due += PERIOD
    return found


if __name__ == "__main__":
    connected = connect(sys.argv[1])
    for line in sys.stdin:
        print(msgspec.json.encode(sample(connected, float(line))).decode(), flush=True)
