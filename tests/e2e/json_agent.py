"""An agent in a process of its own: plain JSON posts by the standard library. Its last line says what was taken.

A refusal is obeyed: it waits and sends the same again, or at the end counts it as lost.
"""

import argparse
import http.client
import json
import random
import socket
import time


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def spans(rng: random.Random, count: int) -> list[dict[str, object]]:
    trace = f"task-{rng.getrandbits(64):x}"
    return [
        {
            "id": f"{rng.getrandbits(64):016x}",
            "trace_id": trace,
            "name": "tool.call ☃",
            "start_timestamp": "2026-05-04T03:02:01+00:00",
            "end_timestamp": "2026-05-04T03:02:02.5+00:00",
            "input": {"text": "x" * rng.randrange(2000)},
            "status": "SUCCESS",
        }
        for _ in range(count)
    ]


def post(connection: Connection, body: bytes) -> tuple[int, float]:
    """(status, seconds to wait where it was refused)."""
    connection.request("POST", "/v1/spans", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status, float(answer.headers.get("retry-after-ms", 0)) / 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    connection = Connection(arguments.socket)
    counts = {"taken": 0, "lost": 0}
    end = time.monotonic() + arguments.seconds
    while time.monotonic() < end:
        made = spans(rng, rng.randint(1, 150))
        body = json.dumps(made).encode()
        status, wait = post(connection, body)
        while status == 429 and time.monotonic() < end:
            time.sleep(wait)
            status, wait = post(connection, body)
        assert status in (202, 429), status
        counts["taken" if status == 202 else "lost"] += len(made)
        time.sleep(rng.random() * 0.05)
    connection.close()
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
