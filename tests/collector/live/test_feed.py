"""GET /live on real sockets. Seconds pass when the test says so: `step` is what the sampler calls."""

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from tests.collector.live.watch import Watch
from tests.collector.rig import Running, destination
from tests.collector.sink.posts import otlp

from inspan_collector.live import feed as feed_module
from inspan_collector.live.feed import MAX_VIEWERS, Feed
from inspan_collector.live.viewer import BEHIND


@pytest.fixture(autouse=True)
def seconds_pass_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "PERIOD", 3600.0)


def url(running: Running) -> str:
    return f"http://127.0.0.1:{running.service.admin.port()}"


def feed(running: Running) -> Feed:
    return running.service.admin.feed


async def gone(running: Running, left: int) -> None:
    """Who has left is noticed at the next moment."""
    async with asyncio.timeout(5):
        while len(feed(running).viewers) > left:
            feed(running).step()
            await asyncio.sleep(0.01)


async def test_the_first_event_is_the_history_and_then_comes_this_moment(tmp_path: Path) -> None:
    async with Running(tmp_path, destination(queue={"max_spans": 40}, batch={"max_spans": 5, "linger": 0})) as running:
        await running.post(otlp("a", "b"))
        await running.until(lambda: "gate_shut" in running.events())
        feed(running).step()
        async with Watch(url(running)) as watch:
            name, history = await watch.next()
            assert name == "history"
            up = history["destinations"]["up"]
            assert len(history["at"]) == len(feed(running).history) >= 2
            assert abs(history["at"][-1] - time.time()) < 60
            assert up["queued"][-1] + up["in_flight"][-1] == 2
            assert (up["filled"][0], up["filled"][-1]) == (0, 50)  # thousandths of 40
            first = await watch.moment()
            assert first["status"]["ledger"]["destinations"]["up"]["enqueued"] == 2
            assert first["status"]["life"]["ready"] is True
            assert [event["kind"] for event in first["events"]] == ["gate_shut"]


async def test_each_event_is_told_once_to_those_who_stay_and_to_those_who_come(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        events = running.service.events
        events.record("dropped", "up", "before")
        feed(running).step()
        events.record("dropped", "up", "between")
        async with Watch(url(running)) as early:
            await early.next()
            told = [(await early.moment())["events"]]
            feed(running).step()
            async with Watch(url(running)) as late:
                await late.next()
                events.record("dropped", "up", "after")
                came = [(await late.moment())["events"]]
                feed(running).step()
                told += [(await early.moment())["events"] for _ in range(2)]
                came += [(await late.moment())["events"]]
        words = [[event["message"] for event in moment] for moment in told]
        assert words == [["before"], ["between"], ["after"]]
        assert [[event["message"] for event in moment] for moment in came] == [["before", "between"], ["after"]]


async def test_one_snapshot_serves_all_viewers_and_none_is_taken_while_nobody_looks(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        taken = 0
        view = running.service.admin.feed.view
        real = type(view).status

        def counted(self: Any, *more: Any) -> dict[str, Any]:
            nonlocal taken
            taken += 1
            return real(self, *more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(view), "status", counted)
            feed(running).step()
            assert taken == 0
            async with Watch(url(running)) as one, Watch(url(running)) as two:
                for watch in (one, two):
                    assert [(await watch.next())[0] for _ in range(2)] == ["history", "moment"]
                taken = 0
                feed(running).step()
                assert await one.moment() == await two.moment()
                assert taken == 1
            await gone(running, 0)
            taken = 0
            feed(running).step()
            assert taken == 0


async def test_one_viewer_too_many_is_told_so_and_one_that_leaves_makes_room(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        watches = [await Watch(url(running)).__aenter__() for _ in range(MAX_VIEWERS)]
        status, words = await running.get("/live")
        assert (status, words) == (
            503,
            b"no live view of this sidecar: 16 are looking already: close another page, or wait. "
            b"GET /status answers all the same\n",
        )
        await watches.pop().__aexit__(None, None, None)
        await gone(running, MAX_VIEWERS - 1)
        async with Watch(url(running)) as watch:
            assert (await watch.next())[0] == "history"
        for left in watches:
            await left.__aexit__(None, None, None)


async def test_a_viewer_that_stops_reading_is_cut_off_and_the_others_see_every_second(tmp_path: Path) -> None:
    async with Running(tmp_path, destination()) as running:
        slow = socket.create_connection(("127.0.0.1", running.service.admin.port() or 0))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await running.until(lambda: len(feed(running).viewers) == 1)
        (hung,) = feed(running).viewers
        async with Watch(url(running)) as watch:
            await watch.next(), await watch.next()
            seen = 0
            while hung in feed(running).viewers:
                feed(running).step()
                await watch.moment()
                seen += 1
                assert len(hung.frames) <= BEHIND
                assert seen < 20_000
            feed(running).step()
            await watch.moment()
        slow.close()


async def test_the_end_of_the_sidecar_ends_the_feed_and_does_not_wait_for_it(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        hung = socket.create_connection(("127.0.0.1", running.service.admin.port() or 0))
        hung.sendall(b"GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        async with Watch(url(running)) as watch:
            await watch.next(), await watch.next()
            began = time.monotonic()
            await running.drained()
            assert time.monotonic() - began < 2.0
            await watch.moment()
            assert await watch.next() == ("closing", {})
            assert await watch.next() == ("", None)
        hung.close()


async def test_who_watches_a_drain_sees_what_it_lost(tmp_path: Path) -> None:
    async with Running(tmp_path) as running, Watch(url(running)) as watch:  # nobody listens at its destination
        await watch.next(), await watch.next()
        await running.post(otlp("a", "b", "c"))
        await running.drained()
        last = await watch.moment()
        assert last["status"]["ledger"]["destinations"]["up"]["dropped_shutdown"] == 3
        assert "dropped" in [event["kind"] for event in last["events"]]
        assert await watch.next() == ("closing", {})


async def test_a_head_of_the_feed_ends_at_once_and_nothing_can_be_posted(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        async with running.http.head(f"{url(running)}/live") as answer:
            assert (answer.status, answer.content_type) == (200, "text/event-stream")
        for path in ("/", "/live", "/status"):
            async with running.http.post(url(running) + path, data=b"x") as answer:
                assert answer.status == 405


async def test_a_book_that_is_wrong_shows_in_a_moment(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        queue = running.service.view.pipelines[0].destination.queue
        async with Watch(url(running)) as watch:
            await watch.next()
            assert (await watch.moment())["status"]["ledger"]["imbalance"] == 0
            queue.ledger.balances[4] += 3  # queued, and nobody has them
            feed(running).step()
            assert (await watch.moment())["status"]["ledger"]["imbalance"] == 6  # neither the sum nor the recount
            queue.ledger.balances[4] -= 3
