"""A load generator that posts at a steady rate, in its own process. Run as `python -m bench.steady`.

One connection, a post when it is due, whatever became of the one before: what a sidecar refuses is not sent again,
since a second try would be a load of its own. Told to by lines on stdin, `SECONDS`, each answered by a line (`Steady`).
"""

import argparse
import sys
import time
from itertools import cycle
from pathlib import Path

import msgspec

from bench.load import Reader, connect, post


class Steady(msgspec.Struct):
    """posts: made. refused: of them. behind: seconds by which the last one was late."""

    posts: int
    refused: int
    behind: float


def run(target: str, requests: list[bytes], rate: float, seconds: float) -> Steady:
    """rate: posts a second; 0 for none."""
    reader, refused, posts = Reader(), 0, int(rate * seconds)
    sock = connect(target)
    began = time.monotonic()
    for number, request in zip(range(posts), cycle(requests), strict=False):
        early = began + number / rate - time.monotonic()
        if early > 0:
            time.sleep(early)
        sock.sendall(request)
        refused += reader.read(sock)[9:10] != b"2"
    left = began + seconds - time.monotonic()
    time.sleep(max(0.0, left))
    sock.close()
    return Steady(posts, refused, max(0.0, -left))


def main() -> None:
    """Serve stdin."""
    parser = argparse.ArgumentParser(prog="bench.steady")
    parser.add_argument("target")
    parser.add_argument("bodies", type=Path)
    parser.add_argument("--rate", type=float, required=True, help="posts a second")
    options = parser.parse_args()
    requests = [post(body) for body in msgspec.msgpack.decode(options.bodies.read_bytes(), type=list[bytes])]
    for line in sys.stdin:
        print(msgspec.json.encode(run(options.target, requests, options.rate, float(line))).decode(), flush=True)


if __name__ == "__main__":
    main()
