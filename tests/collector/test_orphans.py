"""Spans that a dead agent left open, through a whole sidecar, to an upstream that holds to SGP's contract."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.collector.rig import Running, destination

from inspan_collector.liveness import RUNNING
from inspan_collector.mirror.log import read
from inspan_collector.orphans import RENEW
from inspan_collector.sink import Behaviour, Sink

JSON = {"content_type": "application/json"}
LONG_AGO = "2026-01-01T00:00:00Z"


def copy(name: str) -> dict[str, Any]:
    """`a` is the start of span a, `a.` its end."""
    span = {"id": name.rstrip("."), "trace_id": "t", "name": "llm", "start_timestamp": LONG_AGO}
    span |= {"input": {"prompt": name.rstrip(".")}, "metadata": {"k": 1}}
    done = {"end_timestamp": "2026-01-01T00:00:09Z", "status": "SUCCESS", "output": {"answer": 42}}
    return span | (done if name.endswith(".") else {})


class Story:
    """A sidecar with one agent after another, and one upstream."""

    def __init__(self, home: Path, sink: Sink, **more: Any) -> None:
        self.sink = sink
        sgp = {"kind": "sgp", "batch": {"linger": "10ms"}, "upsert": {"hold_open": "0s"}} | more
        self.running = Running(home, destination(sink.url, **sgp))
        self.sequence = 0

    async def register(self, name: str) -> None:
        body = json.dumps({"registration_id": name, "service": "s", "pid": 7}).encode()
        assert (await self.running.post(body, "/v1/agents", **JSON)).status == 201

    async def post(self, name: str | None, *names: str) -> None:
        self.sequence += 1
        asks = {} if name is None else {"inspan_agent": name, "inspan_sequence": str(self.sequence)}
        body = json.dumps([copy(each) for each in names]).encode()
        assert (await self.running.post(body, "/v1/spans", **JSON, **asks)).status == 202

    async def delivered(self, spans: int) -> None:
        await self.running.until(lambda: self.running.books().get("delivered") == spans)

    def fall_silent(self, name: str) -> None:
        """As if it had not been heard for an hour."""
        registry = self.running.service.registry
        agent = registry._by_id[name.encode()]
        assert agent.state is RUNNING
        agent.seen -= 3600
        registry.sweep(self.running.service.loop.time())

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in self.sink.rows()["sgp"]}

    def openings(self) -> dict[str, int]:
        found: dict[str, int] = self.running.service.view.status()["destinations"][0]["upserts"]["open"]
        return found


async def test_they_are_ended_as_interrupted_and_keep_what_they_said(tmp_path: Path) -> None:
    async with Sink(texts=True) as sink:
        story = Story(tmp_path, sink)
        async with story.running as running:
            await story.register("agent-one")
            before = datetime.now(UTC)
            await story.post("agent-one", "a", "b", "c.")
            await story.delivered(3)
            await story.post("agent-one", "b.")
            await story.delivered(4)
            assert story.openings() == {"spans": 1, "to_be_ended": 0, "unwatched": 0}
            story.fall_silent("agent-one")
            await story.delivered(5)
            rows = story.rows()
            interrupted = rows["a"]
            assert {key: interrupted[key] for key in ("input", "metadata", "name", "status")} == {
                "input": {"prompt": "a"},
                "metadata": {"k": 1},
                "name": "llm",
                "status": "ERROR",
            }
            seen = datetime.fromisoformat(interrupted["end_timestamp"])
            assert -2 < (seen - before).total_seconds() < 5
            assert interrupted["output"]["error"] == "interrupted"
            assert interrupted["end_timestamp"] in interrupted["output"]["message"]
            assert [rows[name]["status"] for name in ("b", "c")] == ["SUCCESS", "SUCCESS"]
            assert running.books() == {"enqueued": 4, "synthesized": 1, "delivered": 5}
            assert "interrupted" in running.events() and story.openings()["spans"] == 0
            assert (await running.metrics())['inspan_spans_synthesized_total{destination="up"}'] == 1


async def test_a_true_end_that_comes_late_wins(tmp_path: Path) -> None:
    async with Sink(texts=True) as sink:
        story = Story(tmp_path, sink)
        async with story.running as running:
            await story.register("a1")
            await story.post("a1", "a")
            await story.delivered(1)
            story.fall_silent("a1")
            await story.delivered(2)
            assert story.rows()["a"]["status"] == "ERROR"
            await story.post("a1", "a.")
            await story.delivered(3)
            row = story.rows()["a"]
            assert (row["status"], row["output"], row["input"]) == ("SUCCESS", {"answer": 42}, {"prompt": "a"})
            assert running.books() == {"enqueued": 2, "synthesized": 1, "delivered": 3}


async def test_nothing_is_ended_because_connections_close_or_because_nobody_registered(tmp_path: Path) -> None:
    async with Sink(texts=True) as sink:
        story = Story(tmp_path, sink)
        async with story.running as running:
            await story.register("a1")  # each request here is a connection of its own, and closed behind it
            await story.post("a1", "a")
            await story.post("unknown", "b")
            await story.post(None, "c")
            await story.delivered(3)
            for _ in range(50):
                running.service.registry.sweep(running.service.loop.time())
            assert story.openings() == {"spans": 1, "to_be_ended": 0, "unwatched": 0}
            assert not any("end_timestamp" in row for row in story.rows().values())


async def test_while_the_upstream_is_down_ends_wait_and_an_agent_that_is_back_takes_them_back(tmp_path: Path) -> None:
    async with Sink(texts=True) as sink:
        story = Story(tmp_path, sink)
        async with story.running as running:
            for name in ("a1", "a2"):
                await story.register(name)
            await story.post("a1", "a")
            await story.post("a2", "b")
            await story.delivered(2)
            sink.behave(Behaviour(status=503))
            await story.post("a1", "z.")
            await running.until(lambda: running.service.view.destinations[0].gate.state == "shut")
            story.fall_silent("a1")
            story.fall_silent("a2")
            await story.post("a2", "y.")
            sink.behave(Behaviour())
            await running.until(lambda: running.books().get("delivered", 0) >= 5)
            await running.until(lambda: not running.service.view.destinations[0].ledger.held())
            assert story.rows()["a"]["status"] == "ERROR"
            if running.books()["synthesized"] == 1:  # it was not on its way yet
                assert "end_timestamp" not in story.rows()["b"] and story.openings()["spans"] == 1
            await story.post("a2", "b.")
            await running.until(lambda: story.rows()["b"].get("status") == "SUCCESS")


async def test_what_an_agent_left_open_is_ended_by_the_next_life_too(tmp_path: Path) -> None:
    """Both are killed in between, so to speak: nobody has heard of the agent since the sidecar is there."""
    async with Sink(texts=True) as sink:
        story = Story(tmp_path, sink)
        async with story.running:
            for name in ("dead", "alive"):
                await story.register(name)
                await story.post(name, name)
            await story.delivered(2)
            heard = datetime.now(UTC)
        after = Story(tmp_path, sink)
        async with after.running as running:
            assert after.openings()["spans"] == 2
            await after.register("alive")
            service = running.service
            service.orphans.sweep()
            assert after.openings()["to_be_ended"] == 0  # time enough must pass first
            service.registry.awake += service.registry.orphan_after + 1
            service.orphans.sweep()
            await after.delivered(1)
            rows = after.rows()
            assert rows["dead"]["status"] == "ERROR" and "end_timestamp" not in rows["alive"]
            assert abs((datetime.fromisoformat(rows["dead"]["end_timestamp"]) - heard).total_seconds()) < 5
            assert "restarted" in rows["dead"]["output"]["message"]
            assert running.books() == {"synthesized": 1, "delivered": 1}
            assert after.openings() == {"spans": 1, "to_be_ended": 0, "unwatched": 0}


async def test_an_end_that_the_deadline_cut_is_written_by_the_next_life(tmp_path: Path) -> None:
    async with Sink(texts=True) as sink:
        story = Story(tmp_path, sink, timeout="1h")
        async with story.running as running:
            await story.register("a1")
            await story.post("a1", "a")
            await story.delivered(1)
            sink.behave(Behaviour(delay="1h"))
            story.fall_silent("a1")
            await running.until(lambda: running.books().get("in_flight") == 1)
        assert running.ledger["destinations"]["up"] == {"enqueued": 1, "delivered": 1}
        sink.behave(Behaviour())
        after = Story(tmp_path, sink)
        async with after.running as running:
            service = running.service
            service.registry.awake += service.registry.orphan_after + 1
            service.orphans.sweep()
            await after.delivered(1)
            assert after.rows()["a"]["status"] == "ERROR"


async def test_the_log_of_open_spans_heals_with_its_disk_and_says_once_that_it_does_not(tmp_path: Path) -> None:
    async with Sink(texts=True) as sink:
        story = Story(tmp_path, sink)
        async with story.running as running:
            orphans = running.service.orphans
            log = orphans.logs["up"]
            there, log.path = log.path, tmp_path / "away" / "log"
            log.trouble = "the disk is full"
            orphans.sweep()
            orphans.sweep()
            assert running.events().count("open_spans") == 1 and log.trouble
            await story.register("a1")
            await story.post("a1", "a")
            await story.delivered(1)
            log.path = there
            running.service.registry.awake += RENEW
            orphans.sweep()
            records, trouble = read(there)
            assert not trouble and not log.trouble and "a" in str(records)


async def test_an_end_that_was_accepted_and_lost_with_the_sidecar_leaves_the_span_to_be_ended(tmp_path: Path) -> None:
    async with Sink(texts=True) as sink:
        story = Story(tmp_path, sink)
        async with story.running as running:
            await story.register("a1")
            await story.post("a1", "a")
            await story.delivered(1)
            sink.behave(Behaviour(status=503))
            await story.post("a1", "a.")
            await running.until(lambda: running.service.view.destinations[0].gate.state == "shut")
        assert running.ledger["destinations"]["up"]["dropped_shutdown"] == 1  # there is no spool
        sink.behave(Behaviour())
        after = Story(tmp_path, sink)
        async with after.running as running:
            assert after.openings()["spans"] == 1
            running.service.registry.awake += running.service.registry.orphan_after + 1
            running.service.orphans.sweep()
            await after.delivered(1)
            assert after.rows()["a"]["output"]["error"] == "interrupted"


async def test_an_end_that_was_refused_can_be_replayed_out_of_quarantine(tmp_path: Path) -> None:
    async with Sink(texts=True) as sink:
        story = Story(tmp_path, sink)
        async with story.running as running:
            await story.register("a1")
            await story.post("a1", "a", "b")
            await story.delivered(2)
            sink.behave(Behaviour(reject_span="interrupted", reject_status=422))
            story.fall_silent("a1")
            await story.post(None, "c.")  # the upstream takes something, so the ends are to blame
            await running.until(lambda: running.books().get("quarantined") == 2)
            sink.behave(Behaviour())
            quarantine = running.service.view.destinations[0].quarantine
            numbers = [entry.id for entry in await quarantine.entries(0, 10)]
            assert await quarantine.replay(numbers) == numbers
            await story.delivered(5)
            assert [story.rows()[name]["status"] for name in "ab"] == ["ERROR", "ERROR"]
            assert running.books() == {"enqueued": 3, "synthesized": 4, "delivered": 5, "quarantined": 2}
