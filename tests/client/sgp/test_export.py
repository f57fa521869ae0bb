"""The SDK's own queue, with our function at its end."""

from scale_gp_beta import SGPClient
from scale_gp_beta.lib.tracing import create_span, create_trace
from scale_gp_beta.lib.tracing.trace_queue_manager import TraceQueueManager
from tests.client.conftest import Kept

from inspan import Client
from inspan.sgp import export_fn


def queue_of(client: Client) -> TraceQueueManager:
    sgp = SGPClient(api_key="unused", account_id="unused")
    return TraceQueueManager(sgp, export_fn=export_fn(client), trigger_cadence=0.0, worker_enabled=True)


def test_spans_of_the_sdks_queue_are_recorded(alone: Client, kept: Kept) -> None:
    queue = queue_of(alone)
    with create_trace("turn", queue_manager=queue), create_span("llm", input={"a": 1}, queue_manager=queue):
        pass
    queue.shutdown()
    found = kept()
    assert {span["name"] for span in found} == {"turn", "llm"}
    assert all("end_timestamp" in span and span["status"] == "SUCCESS" for span in found[-1:])


def test_a_value_that_has_no_json_neither_ends_the_sdks_thread_nor_costs_its_neighbours(
    alone: Client, kept: Kept
) -> None:
    queue = queue_of(alone)
    with create_trace("before", input={"value": object()}, queue_manager=queue):
        pass
    queue.flush_queue()
    with create_trace("after", queue_manager=queue):
        pass
    assert queue._worker.is_alive()
    queue.shutdown()
    found = kept()
    assert {span["name"] for span in found} == {"before", "after"}
    assert found[0]["input"] == {"value": "<object>"}
    assert alone.stats().replaced >= 1


def test_what_is_dropped_is_counted_and_nothing_is_raised_over_which_the_sdk_sleeps(alone: Client) -> None:
    alone.close(0)
    export_fn(alone)([{"id": "s", "trace_id": "t"}, {"trace_id": "t"}])
    assert (alone.stats().dropped["closed"], alone.stats().dropped["unencodable"]) == (1, 1)
