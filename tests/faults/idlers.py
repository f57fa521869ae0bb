"""Connections that post once and then say nothing, in a process of its own. Run as a file.

Its first line is `ready`; each line on stdin is answered by a JSON list of the connections that are open still, by
number.
"""

import json
import resource
import socket
import sys

ANSWER = 64 << 10  # bytes; more than an answer


def opened(path: str) -> socket.socket:
    """A connection that was served once, and is idle since."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(path)
    sock.sendall(b"POST /v1/spans HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]")
    assert sock.recv(ANSWER).startswith(b"HTTP/1.1 202")
    sock.setblocking(False)
    return sock


def is_open(sock: socket.socket) -> bool:
    """Whether the other end has not closed it."""
    try:
        return sock.recv(ANSWER) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def main() -> None:
    path, count = sys.argv[1], int(sys.argv[2])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 100), hard))
    socks = [opened(path) for _ in range(count)]
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps([at for at, sock in enumerate(socks) if is_open(sock)]), flush=True)


if __name__ == "__main__":
    main()
