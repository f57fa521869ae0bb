"""The tracing of scale-gp-beta with our queue in place of its own, compared with what its own makes."""

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from scale_gp_beta import SGPClient
from scale_gp_beta.lib import tracing as sgp_tracing
from scale_gp_beta.lib.tracing import trace_queue_manager, util
from tests.client.conftest import Kept
from tests.client.upstream import Upstream, before, until

from inspan import Client
from inspan.sgp import tracing


@pytest.fixture(autouse=True)
def installed(alone: Client) -> Iterator[None]:
    """The SDK's queue is one for the process: put back what was there."""
    was = trace_queue_manager._global_tracing_queue_manager
    assert tracing.init(alone) is alone
    yield
    trace_queue_manager._global_tracing_queue_manager = was


def test_a_start_and_an_end_arrive_as_two_copies_each_as_it_was_then(kept: Kept) -> None:
    with sgp_tracing.create_trace("turn"), sgp_tracing.create_span("llm", input={"a": 1}) as span:
        span.output = {"b": 2}
        span.metadata["later"] = True
    turn, begun, ended, _ = kept()
    assert turn["name"] == "turn"
    assert ("end_timestamp" in begun, begun["output"], begun["metadata"]) == (False, {}, {})
    assert ("end_timestamp" in ended, ended["output"], ended["metadata"]) == (True, {"b": 2}, {"later": True})
    assert begun["parent_id"] == turn["id"]


def test_a_span_says_what_the_sdk_itself_would_send(kept: Kept) -> None:
    with (
        pytest.raises(ValueError, match="odd"),
        sgp_tracing.create_trace("turn", group_id="g", metadata={"m": [1, None, 2.5]}),
        sgp_tracing.create_span("tool", "KB_RETRIEVAL", {"a": "☃"}) as span,
    ):
        raise ValueError("odd")
    (ended,) = [each for each in kept() if each["name"] == "tool" and "end_timestamp" in each]
    assert ended == span.to_request_params()  # type: ignore[attr-defined]
    assert ended["status"] == "ERROR"
    assert ended["group_id"] == "g"


def test_values_that_can_be_neither_copied_nor_encoded_cost_nothing_beside_them(alone: Client, kept: Kept) -> None:
    for name, value in (("a", threading.Lock()), ("b", object()), ("c", float("nan")), ("d", "\ud800")):
        with sgp_tracing.create_trace(name, input={"value": value, "beside": 1}):
            pass
    ended = [span for span in kept() if "end_timestamp" in span]
    assert [span["name"] for span in ended] == ["a", "b", "c", "d"]
    assert [span["input"]["beside"] for span in ended] == [1, 1, 1, 1]
    assert alone.stats().dropped == dict.fromkeys(alone.stats().dropped, 0)


def test_a_full_buffer_counts_what_the_sdk_would_only_warn_of(alone: Client) -> None:
    for _ in range(30):
        with sgp_tracing.create_trace("turn", input={"prompt": "x" * 50_000}):
            pass
    stats = alone.stats()
    assert stats.recorded == 60
    assert stats.queued + stats.dropped["buffer_full"] == 60
    assert stats.dropped["buffer_full"] > 30
    assert stats.held_bytes <= stats.max_bytes


def test_a_span_that_never_started_is_counted(alone: Client) -> None:
    sgp_tracing.create_trace("turn").root_span.flush(blocking=False)  # type: ignore[attr-defined]
    assert alone.stats().dropped["unencodable"] == 1


def test_disabled_is_disabled(alone: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISABLE_SCALE_TRACING", "1")
    util.is_disabled.cache_clear()
    try:
        with sgp_tracing.create_trace("turn"):
            pass
    finally:
        util.is_disabled.cache_clear()
    assert alone.stats().recorded == 0


def test_initializing_the_sdk_later_changes_nothing(kept: Kept) -> None:
    sgp_tracing.init(SGPClient(api_key="unused", account_id="unused"))
    with sgp_tracing.create_trace("turn"):
        pass
    assert len(kept()) == 2


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # that is the point
def test_threads_and_a_forked_process_lose_nothing_and_the_upstream_sees_each_span_once() -> None:
    with Upstream() as upstream, before(upstream) as sidecar:
        client = tracing.init(Client(sidecar.socket))

        def turns(prefix: str) -> None:
            for number in range(20):
                with sgp_tracing.create_trace("turn", span_id=f"{prefix}{number}"):
                    pass

        threads = [threading.Thread(target=turns, args=[prefix]) for prefix in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        child = os.fork()
        if child == 0:
            turns("child")
            os._exit(not client.close())
        assert os.waitpid(child, 0)[1] == 0
        sgp_tracing.flush_queue()
        stats: Any = client.stats()
        assert (stats.recorded, stats.accepted) == (120, 120)
        client.close()
        until(lambda: len(upstream.spans()) == 80)
        assert len(upstream.copies()) == 80  # starts and ends are one write
