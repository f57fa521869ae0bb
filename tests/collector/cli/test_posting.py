"""What a row's post does with each answer of a sidecar."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

import pytest

from inspan_collector.cli.asking import Failed
from inspan_collector.cli.posting import LONGEST, PATIENCE, Poster
from inspan_collector.row import Row

ROW = Row(7, "up", "otlp_json", 1, 1.0, "", b'{"resourceSpans":[]}')

Reply = tuple[int, dict[str, str]]


class Scripted:
    """A sidecar on a real socket that answers as it is told, then 200. A status of 0 hangs up."""

    def __init__(self, path: Path) -> None:
        self.replies: list[Reply] = []
        self.asked: list[dict[str, str]] = []
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                scripted.asked.append(
                    {name.lower(): value for name, value in self.headers.items()} | {"path": self.path}
                )
                assert body == ROW.body
                status, headers = scripted.replies.pop(0) if scripted.replies else (200, {})
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in ({"content-length": "2"} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"no")

            def address_string(self) -> str:
                return "peer"

            def log_message(self, *_: Any) -> None: ...

        self.server = UnixStreamServer(str(path), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def acks(self) -> list[str | None]:
        return [each.get("inspan-ack") for each in self.asked]


class Time:
    """Passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Scripted]:
    scripted = Scripted(tmp_path / "s")
    yield scripted
    scripted.server.shutdown()
    scripted.server.server_close()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def poster(tmp_path: Path, sidecar: Scripted, time: Time) -> Iterator[Poster]:
    poster = Poster(tmp_path / "s", sleep=time.sleep, clock=lambda: time.now)
    yield poster
    poster.close()


def test_a_row_is_posted_in_its_dialect_and_must_be_durable(sidecar: Scripted, poster: Poster) -> None:
    assert poster.give(ROW) is None
    (asked,) = sidecar.asked
    assert (asked["path"], asked["content-type"], asked["inspan-ack"]) == ("/v1/traces", "application/json", "durable")
    assert asked["inspan-sequence"] == "7"
    assert poster.weak == 0


def test_where_there_is_no_spool_the_rest_is_asked_for_no_more(sidecar: Scripted, poster: Poster) -> None:
    sidecar.replies = [(503, {})]
    assert poster.give(ROW) is None
    assert poster.give(ROW) is None
    assert sidecar.acks() == ["durable", None, None]
    assert poster.weak == 2


def test_what_is_held_without_being_on_disk_is_not_posted_again(sidecar: Scripted, poster: Poster) -> None:
    sidecar.replies = [(503, {"inspan-custody": "accepted"})]
    assert poster.give(ROW) is None
    assert (len(sidecar.asked), poster.weak, poster.durable) == (1, 1, True)


def test_a_sidecar_that_drains_is_asked_for_durability_again_after_it(
    sidecar: Scripted, poster: Poster, time: Time
) -> None:
    sidecar.replies = [(503, {"retry-after": "1"}), (503, {"retry-after": "1"})]
    assert poster.give(ROW) is None
    assert sidecar.acks() == ["durable", None, "durable"]
    assert (time.slept, poster.weak) == ([1.0], 0)


def test_a_full_queue_is_waited_for_as_it_says(sidecar: Scripted, poster: Poster, time: Time) -> None:
    sidecar.replies = [
        (429, {"retry-after": "2"}),
        (429, {"retry-after": "2", "retry-after-ms": "150"}),
        (429, {}),
        (429, {"retry-after": "99999"}),
    ]
    assert poster.give(ROW) is None
    assert time.slept == [2.0, 0.15, 1.0, LONGEST]
    assert len({asked["inspan-agent"] for asked in sidecar.asked}) == 1


def test_a_post_that_broke_off_is_made_again_under_the_same_number(
    sidecar: Scripted, poster: Poster, time: Time
) -> None:
    sidecar.replies = [(200, {}), (0, {})]
    assert poster.give(ROW) is None
    assert poster.give(ROW) is None
    first, *rest = [(asked["inspan-agent"], asked["inspan-sequence"]) for asked in sidecar.asked]
    assert rest == [first, first]


def test_what_is_refused_for_good_is_said_and_not_tried_again(sidecar: Scripted, poster: Poster, time: Time) -> None:
    sidecar.replies = [(413, {})]
    assert poster.give(ROW) == "413 no"
    assert (len(sidecar.asked), time.slept) == (1, [])


def test_a_queue_that_stays_full_ends_the_patience(sidecar: Scripted, poster: Poster, time: Time) -> None:
    sidecar.replies = [(429, {"retry-after": "20"})] * 100
    with pytest.raises(Failed, match="nothing was taken for 300 s"):
        poster.give(ROW)
    assert sum(time.slept) <= PATIENCE


def test_where_no_sidecar_is_nothing_is_waited_for(tmp_path: Path, time: Time) -> None:
    poster = Poster(tmp_path / "none", sleep=time.sleep, clock=lambda: time.now)
    with pytest.raises(Failed, match="is a sidecar running"):
        poster.give(ROW)
    assert time.slept == []


def test_a_format_that_no_dialect_speaks_is_not_posted(poster: Poster, sidecar: Scripted) -> None:
    assert poster.give(Row(1, "up", "newer", 1, 1.0, "", b"x")) == "no dialect speaks newer"
    assert sidecar.asked == []
