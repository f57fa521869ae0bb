"""The control socket of a whole service: who may, what it says, and what it changes."""

import asyncio
import base64
import io
import json
import os
import socket
import stat
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.collector.rig import Running, destination

from inspan_collector.control import Control
from inspan_collector.errors import ConfigError, StartError
from inspan_collector.quarantine import MemoryQuarantine
from inspan_collector.row import Refused, Trouble
from inspan_collector.sink import Behaviour, Sink

JSON = "application/json"
TRACES = "/v1/traces"
POISON = Behaviour(reject_span="poison", reject_status=422)


def otlp(*names: str, pad: int = 0) -> bytes:
    """OTLP JSON: one span for each name."""
    spans = [
        {"traceId": "0" * 31 + "1", "spanId": f"{number:016x}", "name": name + "x" * pad}
        for number, name in enumerate(names, 1)
    ]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def entry_of(format: str, body: bytes, name: str = "up") -> Refused:
    return Refused(name, 1.0, 400, "no", format, 1, body)


class Commands:
    """Asks a control socket as the commands do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self.path))) as http:
            data = None if body is None else io.BytesIO(body) if isinstance(body, bytes) else json.dumps(body).encode()
            async with http.request(method, f"http://inspan{path}", data=data) as answer:
                return answer.status, await answer.json()


def commands(running: Running) -> Commands:
    return Commands(running.config.socket.path.parent / "control.sock")


async def refused(running: Running, *names: str, name: str = "up") -> list[dict[str, Any]]:
    """Post the spans, and wait until those of them that are poison are in quarantine; a fine one is their witness."""
    poison = sum("poison" in each for each in names)
    before = running.books(name).get("quarantined", 0)
    await running.post(otlp("fine", *names), content_type=JSON)
    await running.until(lambda: running.books(name).get("quarantined", 0) == before + poison)
    _, found = await commands(running)("GET", "/quarantine")
    entries: list[dict[str, Any]] = found["entries"]
    return entries


# The file


async def test_it_is_beside_the_agents_socket_and_for_our_own_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    before = os.umask(0)
    try:
        async with Running(tmp_path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_ISSOCK(path.stat().st_mode)
    finally:
        os.umask(before)
    assert not path.exists()


async def test_a_second_sidecar_does_not_start_and_the_first_one_keeps_its_door(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        other = Running(tmp_path, socket={"path": str(tmp_path / "other.sock")})
        with pytest.raises(StartError, match=r"control\.sock: stop it, or put socket\.path into a directory"):
            await other.__aenter__()
        assert (await commands(running)("GET", "/quarantine"))[0] == 200


async def test_a_stale_file_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "control.sock"))
    async with Running(tmp_path) as running:
        assert (await commands(running)("GET", "/quarantine"))[0] == 200


def test_the_agents_socket_may_not_have_its_name_nor_leave_it_no_room(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"socket\.path: control\.sock is the socket for commands"):
        Running(tmp_path, socket={"path": str(tmp_path / "control.sock")})
    tight = Path("/tmp") / ("x" * 95) / "a"
    with pytest.raises(ConfigError, match=r"control\.sock beside it is 113 bytes long"):
        Running(tmp_path, socket={"path": str(tight)})


async def test_the_door_is_shut_before_the_drain_ends(tmp_path: Path) -> None:
    async with Sink(Behaviour(hang_every=1)) as sink, Running(tmp_path, destination(sink.url + TRACES)) as running:
        await running.post(otlp("a"), content_type=JSON)
        await running.until(lambda: running.books().get("in_flight") == 1)
        running.stop.drain.set()
        await running.until(lambda: not (tmp_path / "control.sock").exists())
        assert running.books()["in_flight"] == 1
        with pytest.raises(aiohttp.ClientError):
            await commands(running)("GET", "/quarantine")


# Quarantine


async def test_a_refused_span_is_listed_shown_and_sent_again_once_the_upstream_takes_it(tmp_path: Path) -> None:
    async with Sink(POISON) as sink, Running(tmp_path, destination(sink.url + TRACES)) as running:
        (entry,) = await refused(running, "poison")
        assert (entry["destination"], entry["status"], entry["spans"]) == ("up", 422, 1)
        assert entry["agent"] == f"pid {os.getpid()}"
        status, shown = await commands(running)("GET", f"/quarantine/{entry['id']}")
        assert (status, shown["encoding"], shown["format"]) == (200, "text", "otlp_json")
        assert json.loads(shown["body"])["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] == "poison"
        sink.behave(Behaviour())
        assert await commands(running)("POST", "/quarantine/replay", {"ids": [entry["id"]]}) == (
            200,
            {"replayed": 1, "left": 0, "unknown": []},
        )
        await running.until(lambda: running.books().get("delivered") == 2)
        assert running.books() == {"enqueued": 2, "replayed": 1, "delivered": 2, "quarantined": 1}
        assert running.service.view.imbalance() == 0
        assert (await commands(running)("GET", "/quarantine"))[1] == {"entries": [], "next": None}
        assert (await running.metrics())['inspan_spans_replayed_total{destination="up"}'] == 1
        assert (await running.metrics())['inspan_quarantine_spans{destination="up"}'] == 0


async def test_what_is_refused_again_comes_back_and_ends_a_replay_of_all(tmp_path: Path) -> None:
    async with Sink(POISON) as sink, Running(tmp_path, destination(sink.url + TRACES)) as running:
        await refused(running, "poison", "poison")
        status, changed = await commands(running)("POST", "/quarantine/replay", {"all": True})
        assert (status, changed) == (200, {"replayed": 2, "left": 0, "unknown": []})
        await running.post(otlp("fine"), content_type=JSON)  # their witness
        await running.until(lambda: running.books().get("quarantined") == 4)
        assert running.service.pipelines[0].destination.quarantine.spans == 2


async def test_a_replay_of_all_ends_although_everything_comes_back_at_once(tmp_path: Path) -> None:
    def again(given: list[Refused]) -> list[int]:
        for each in given:
            kept.put(Refused("up", time.time(), 400, "no", each.format, each.spans, each.body))
        return [each.id for each in given]

    kept = MemoryQuarantine(again)
    for _ in range(100):
        kept.put(entry_of("otlp_json", b"{}"))
    ask = Commands(tmp_path / "control.sock")
    async with asyncio.timeout(10), Control(lambda: {"up": kept}).listening(ask.path):
        changed = (await ask("POST", "/quarantine/replay", {"all": True}))[1]
    assert (changed["replayed"], kept.spans) == (100, 100)


async def test_protobuf_is_shown_in_base64_and_so_is_what_is_not_utf_8(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        kept = running.service.pipelines[0].destination.quarantine
        for format, body in (("otlp_protobuf", b"\n\x00"), ("span_json", b'[{"id":"\xff"}]'), ("span_json", b"[]")):
            kept.put(entry_of(format, body))
        _, listed = await commands(running)("GET", "/quarantine")
        shown = [(await commands(running)("GET", f"/quarantine/{each['id']}"))[1] for each in listed["entries"]]
        assert [each["encoding"] for each in shown] == ["base64", "base64", "text"]
        assert base64.b64decode(shown[1]["body"]) == b'[{"id":"\xff"}]'


async def test_a_full_queue_takes_none_again_and_makes_no_room_for_them(tmp_path: Path) -> None:
    queue = {"max_spans": 10, "when_full": "drop_oldest"}
    async with Running(tmp_path, destination(queue=queue, batch={"max_spans": 5, "linger": 0})) as running:
        kept = running.service.pipelines[0].destination.quarantine
        for _ in range(5):
            kept.put(entry_of("otlp_json", otlp("again")))
        await running.post(otlp(*["a"] * 8), content_type=JSON)
        status, changed = await commands(running)("POST", "/quarantine/replay", {"all": True})
        assert (status, changed) == (200, {"replayed": 2, "left": 3, "unknown": []})
        assert (running.books()["replayed"], running.books()["enqueued"], kept.spans) == (2, 8, 3)
        assert "dropped_queue_full" not in running.books()
        assert running.service.view.imbalance() == 0
    assert running.ledger["destinations"]["up"]["dropped_shutdown"] == 10


async def test_what_the_memory_budget_has_no_room_for_stays(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        kept = running.service.pipelines[0].destination.quarantine
        kept.put(entry_of("otlp_json", otlp("again")))
        memory = running.service.memory
        free = memory.custody_limit - memory.custody
        memory.charge(free)
        assert (await commands(running)("POST", "/quarantine/replay", {"all": True}))[1]["left"] == 1
        memory.release(free)


async def test_a_destination_is_not_given_what_it_cannot_send_and_is_given_the_rest(tmp_path: Path) -> None:
    async with Sink() as sink, Running(tmp_path, destination(sink.url + TRACES)) as running:
        kept = running.service.pipelines[0].destination.quarantine
        for format, body in (("no_such", b"x"), ("otlp_json", b"{broken"), ("otlp_json", otlp("fine"))):
            kept.put(entry_of(format, body))
        changed = (await commands(running)("POST", "/quarantine/replay", {"all": True}))[1]
        assert changed == {"replayed": 1, "left": 2, "unknown": []}
        await running.until(lambda: running.books().get("delivered") == 1)


async def test_copies_are_given_again_by_their_key(tmp_path: Path) -> None:
    async with Sink() as sink, Running(tmp_path, destination(sink.url, kind="sgp")) as running:
        kept = running.service.pipelines[0].destination.quarantine
        times = {"start_timestamp": "2026-01-01T00:00:00Z", "end_timestamp": "2026-01-01T00:00:01Z"}
        for name in ("first", "second"):
            kept.put(entry_of("span_json", json.dumps([{"id": "s", "trace_id": "t", "name": name} | times]).encode()))
        assert (await commands(running)("POST", "/quarantine/replay", {"all": True}))[1]["replayed"] == 2
        await running.until(lambda: running.books().get("delivered", 0) + running.books().get("merged", 0) == 2)
        assert running.service.view.imbalance() == 0


async def test_entries_are_dropped_by_id_by_destination_or_all(tmp_path: Path) -> None:
    async with Running(tmp_path, destination(name="a"), destination(name="b")) as running:
        ask = commands(running)
        for pipeline in running.service.pipelines:
            for _ in range(3):
                pipeline.destination.quarantine.put(entry_of("otlp_json", b"{}", pipeline.destination.name))
        every = [each["id"] for each in (await ask("GET", "/quarantine"))[1]["entries"]]
        of_a = [each["id"] for each in (await ask("GET", "/quarantine?destination=a"))[1]["entries"]]
        assert (len(every), len(of_a)) == (6, 3)
        changed = (await ask("POST", "/quarantine/drop", {"ids": [every[0], every[4], "m999999", every[0]]}))[1]
        assert changed == {"dropped": 2, "left": 0, "unknown": ["m999999"]}
        changed = (await ask("POST", "/quarantine/drop", {"all": True, "destination": "a"}))[1]
        assert changed["dropped"] == 2
        assert (await ask("POST", "/quarantine/drop", {"ids": [every[3]], "destination": "a"}))[1]["unknown"]
        assert (await ask("POST", "/quarantine/drop", {"all": True}))[1]["dropped"] == 2


async def test_a_long_list_comes_in_pages_in_the_order_of_the_ids(tmp_path: Path) -> None:
    async with Running(tmp_path, destination(name="a"), destination(name="b")) as running:
        ask = commands(running)
        for number in range(250):
            pipeline = running.service.pipelines[number % 2]
            pipeline.destination.quarantine.put(entry_of("otlp_json", b"%d" % number))
        seen: list[str] = []
        after = "0"
        while after:
            page = (await ask("GET", f"/quarantine?after={after}&limit=99"))[1]
            seen += [each["id"] for each in page["entries"]]
            after = page["next"]
        assert len(seen) == len(set(seen)) == 250
        assert seen == sorted(seen, key=lambda shown: int(shown[1:]))


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/quarantine/m99999999", None, 404, "inspan quarantine ls"),
        ("GET", "/quarantine/x", None, 400, "an id is a number"),
        ("GET", "/quarantine?limit=many", None, 400, "limit: expected a number"),
        ("GET", "/quarantine?destination=none", None, 404, "there is up"),
        ("POST", "/quarantine/replay", {}, 400, "one of the two"),
        ("POST", "/quarantine/replay", {"all": True, "ids": ["1"]}, 400, "one of the two"),
        ("POST", "/quarantine/drop", {"everything": True}, 400, "everything"),
        ("POST", "/quarantine/drop", b"\xff{", 400, "does not fit"),
        ("POST", "/quarantine/drop", {"ids": ["../etc"]}, 400, "an id is a number"),
        ("POST", "/quarantine/drop", b" " * (2 << 20), 413, "Too Large"),
        ("GET", "/spool", None, 404, "no spool"),
        ("POST", "/spool/replay", {"from": "old", "to": "up"}, 404, "no spool"),
        ("GET", "/nothing", None, 404, "Not Found"),
        ("PUT", "/quarantine", {}, 405, "Not Allowed"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_words(
    tmp_path: Path, method: str, path: str, body: Any, status: int, words: str
) -> None:
    async with Running(tmp_path) as running:
        found, answer = await commands(running)(method, path, body)
        assert (found, list(answer)) == (status, ["error"])
        assert words in answer["error"]


# Spool


class Kept:
    """A spool at the seam. What is asked of it is remembered."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def show(self) -> dict[str, Any]:
        return {"state": "open", "destinations": {"old": {"rows": 3}}}

    async def replay(self, source: str, target: str) -> dict[str, Any]:
        if source == "broken":
            raise Trouble("io", "the disk fails: look into the kernel's log")
        self.asked.append((source, target))
        return {"rows": 3, "spans": 7}


async def test_the_spool_is_shown_and_rows_of_who_is_gone_are_given_to_who_is_there(tmp_path: Path) -> None:
    spool = Kept()
    control = Control(lambda: {"up": MemoryQuarantine(lambda _: [])}, spool)
    ask = Commands(tmp_path / "control.sock")
    async with control.listening(ask.path):
        assert (await ask("GET", "/spool"))[1]["destinations"] == {"old": {"rows": 3}}
        assert await ask("POST", "/spool/replay", {"from": "old", "to": "up"}) == (200, {"rows": 3, "spans": 7})
        assert (await ask("POST", "/spool/replay", {"from": "old", "to": "none"}))[0] == 404
        assert (await ask("POST", "/spool/replay", {"from": "up", "to": "up"}))[0] == 409
        status, answer = await ask("POST", "/spool/replay", {"from": "broken", "to": "up"})
        assert (status, answer) == (503, {"error": "the disk fails: look into the kernel's log"})
        assert (await ask("POST", "/spool/replay", {"to": "up"}))[0] == 400
    assert spool.asked == [("old", "up")]


async def test_a_command_in_hand_is_cut_off_at_the_end(tmp_path: Path) -> None:
    class Slow(Kept):
        async def show(self) -> dict[str, Any]:
            await asyncio.sleep(3600)
            return {}

    ask = Commands(tmp_path / "control.sock")
    async with asyncio.timeout(10):
        async with Control(dict, Slow()).listening(ask.path):
            asking = asyncio.ensure_future(ask("GET", "/spool"))
            await asyncio.sleep(0.05)
        with pytest.raises(aiohttp.ClientError):
            await asking
