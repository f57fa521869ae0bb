"""The SDK's client over our transport, and a sidecar that refuses everything for a while."""

import json
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import httpx
import pytest
from scale_gp_beta import SGPClient
from tests.client.answering import request
from tests.client.upstream import until

from inspan import Client
from inspan.backoff import FIRST
from inspan.sgp import Transport

SPANS: Final = 30
SHORTEST: Final = FIRST / 2  # s; what chance leaves of the first rest


class Moody:
    """Answers posts of spans with a status, any number of connections; of agents it has never heard."""

    def __init__(self, path: Path, status: int) -> None:
        self.status = status
        self.asked: list[float] = []  # when
        self.taken: list[dict[str, Any]] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=[self._listener.accept()[0]], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, StopIteration):
            while True:
                head, _, body = request(connection).partition(b"\r\n\r\n")
                status = 404
                if head.startswith(b"POST /v1/spans "):
                    self.asked.append(time.monotonic())
                    self.may_answer.wait(10)
                    status = self.status
                    if status == 200:
                        self.taken += json.loads(body)
                connection.sendall(b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n\r\n{}" % status)


def post(client: Client) -> None:
    http = httpx.Client(transport=Transport(client))
    with SGPClient(api_key="unused", account_id="unused", http_client=http) as sgp:
        for number in range(SPANS):
            sgp.spans.create(id=f"s{number}", trace_id="t", name="n", start_timestamp="2026-01-01T00:00:00Z")


@pytest.mark.parametrize(("status", "tries"), [(429, 4), (500, 4), (503, 4), (401, 1), (403, 1)])
def test_it_is_asked_with_rests_in_between_and_gets_every_span_once(tmp_path: Path, status: int, tries: int) -> None:
    with Moody(tmp_path / "s", status) as sidecar:
        client = Client(tmp_path / "s")
        post(client)
        until(lambda: len(sidecar.asked) >= tries)
        rests = [later - sooner for sooner, later in zip(sidecar.asked, sidecar.asked[1:], strict=False)]
        sidecar.status = 200
        until(lambda: client.flush(0.5))  # which does not wait for a rest to pass
        assert client.close()
    assert all(rest >= SHORTEST for rest in rests)
    assert [span["id"] for span in sidecar.taken] == [f"s{number}" for number in range(SPANS)]
    stats = client.stats()
    assert (stats.recorded, stats.accepted, sum(stats.dropped.values())) == (SPANS, SPANS, 0)


def test_a_refusal_that_comes_while_the_client_closes_does_not_outlast_the_close(tmp_path: Path) -> None:
    with Moody(tmp_path / "s", 401) as sidecar:
        sidecar.may_answer.clear()
        client = Client(tmp_path / "s")
        post(client)
        until(lambda: len(sidecar.asked) == 1)
        threading.Timer(0.2, sidecar.may_answer.set).start()
        assert not client.close(1.0)
    assert client.stats().dropped["exit"] == SPANS
