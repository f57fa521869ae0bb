"""The unmodified clients of scale-gp-beta, with nothing below them but our transport."""

import asyncio
import os
import random
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from scale_gp_beta import APIStatusError, AsyncSGPClient, SGPClient, UnprocessableEntityError
from tests.client.conftest import Kept
from tests.client.upstream import Upstream, before, until

from inspan import Client
from inspan.sgp import Transport
from inspan_collector.sink.behaviour import Behaviour

ACCOUNT: dict[str, Any] = {"api_key": "unused", "account_id": "unused", "base_url": "http://anywhere/public"}


def span(number: int, **more: Any) -> Any:
    """An ended span."""
    begin, end = f"2026-01-01T00:00:{number % 60:02}+00:00", "2026-01-01T00:01:00+00:00"
    known = {"id": f"s{number}", "trace_id": "t", "name": "n", "start_timestamp": begin, "end_timestamp": end}
    return known | more


def over(transport: Transport, **options: Any) -> SGPClient:
    return SGPClient(**ACCOUNT, **options, http_client=httpx.Client(transport=transport))


def async_over(transport: Transport) -> AsyncSGPClient:
    return AsyncSGPClient(**ACCOUNT, http_client=httpx.AsyncClient(transport=transport))


@pytest.fixture
def sgp(alone: Client) -> Iterator[SGPClient]:
    with over(Transport(alone)) as client:
        yield client


def test_a_batch_is_kept_span_by_span_and_answered_with_its_keys(sgp: SGPClient, kept: Kept) -> None:
    answer = sgp.spans.upsert_batch(items=[span(1, input={"text": 'a "☃" \\'}), span(2)])
    assert [(each.id, each.trace_id) for each in answer.items] == [("s1", "t"), ("s2", "t")]
    assert kept() == [span(1, input={"text": 'a "☃" \\'}), span(2)]


def test_an_insertion_of_a_batch_and_of_one_span_are_taken_too(sgp: SGPClient, kept: Kept) -> None:
    assert [each.id for each in sgp.spans.batch(items=[span(1)]).items] == ["s1"]
    assert sgp.spans.create(**span(2)).id == "s2"
    assert kept() == [span(1), span(2)]


async def test_the_asynchronous_client_is_served_by_the_same_transport(alone: Client, kept: Kept) -> None:
    async with async_over(Transport(alone)) as sgp:
        answer = await sgp.spans.upsert_batch(items=[span(1)])
    assert [each.id for each in answer.items] == ["s1"]
    assert kept() == [span(1)]


def test_what_is_kept_does_not_hold_on_to_the_whole_body(sgp: SGPClient, alone: Client) -> None:
    sgp.spans.upsert_batch(items=[span(1), span(2)])
    assert [type(piece) for _, piece, _ in alone.life.buffer.take(1 << 30)] == [bytes, bytes]


@pytest.mark.parametrize("missing", ["id", "trace_id"])
def test_a_span_without_a_key_is_named_and_counted_and_its_neighbours_are_kept(
    sgp: SGPClient, alone: Client, kept: Kept, missing: str
) -> None:
    wrong = {name: value for name, value in span(2).items() if name != missing}
    with pytest.raises(UnprocessableEntityError, match=rf"items\[1\].*`{missing}`.*beside were taken"):
        sgp.spans.upsert_batch(items=[span(1), wrong, span(3)])  # type: ignore[list-item]
    assert kept() == [span(1), span(3)]
    assert alone.stats().dropped["unencodable"] == 1


def test_one_span_without_an_id_is_refused_and_counted(sgp: SGPClient, alone: Client) -> None:
    with pytest.raises(UnprocessableEntityError, match="`id`"):
        sgp.spans.create(trace_id="t", name="n", start_timestamp="2026-01-01T00:00:00Z")
    assert alone.stats().dropped["unencodable"] == 1


def test_a_body_that_is_no_batch_is_refused(alone: Client) -> None:
    with httpx.Client(transport=Transport(alone)) as http:
        assert http.put("http://x/v5/spans/batch", content=b"{").status_code == 400
        assert http.put("http://x/v5/spans/batch", content=b"[]").status_code == 422
        assert http.post("http://x/v5/spans", content=b'{"id":"a","trace_id":"\xff"}').status_code == 400
        deep = b'{"items":[{"id":"a","trace_id":"t","input":' + b"[" * 100_000
        assert http.put("http://x/v5/spans/batch", content=deep).status_code == 400
    assert alone.stats().queued == 0


def test_a_large_span_that_is_no_text_is_counted_and_its_neighbours_are_kept(alone: Client) -> None:
    large = b'{"id":"s1","trace_id":"t","x":"%b\xff"}' % (b"x" * alone.terms.max_span_bytes)
    body = b'{"items":[{"id":"s0","trace_id":"t"},%b,{"id":"s2","trace_id":"t"}]}' % large
    with httpx.Client(transport=Transport(alone)) as http:
        assert http.put("http://x/v5/spans/batch", content=body).status_code == 422
    assert (alone.stats().queued, alone.stats().dropped["unencodable"]) == (2, 1)


class Counting(Transport):
    """Of each request. The SDK sleeps before it makes another one of the same call."""

    requests = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        return super().handle_request(request)


def test_all_else_is_refused_once_and_for_all_with_what_to_do(alone: Client) -> None:
    transport = Counting(alone)
    with (
        over(transport) as sgp,
        pytest.raises(APIStatusError, match="POST /public/v5/spans/search use an SGP client without") as refused,
    ):
        sgp.spans.search()
    assert refused.value.status_code == 501
    assert transport.requests == 1


def test_what_there_is_no_room_for_is_missing_in_the_answer_and_counted_and_nobody_sleeps(
    alone: Client, rng: random.Random, kept: Kept
) -> None:
    prompts = [span(number, input={"text": rng.randbytes(25_000).hex()}) for number in range(40)]
    transport = Counting(alone)
    with over(transport) as sgp:
        taken = [each.id for prompt in prompts for each in sgp.spans.upsert_batch(items=[prompt]).items]
        assert sgp.spans.create(**prompts[-1])
    assert transport.requests == 41  # none again, before which the SDK sleeps
    stats = alone.stats()
    assert stats.held_bytes <= stats.max_bytes
    assert stats.dropped["buffer_full"] == 41 - len(taken) > 15
    assert [each["id"] for each in kept()] == taken == [f"s{number}" for number in range(len(taken))]


def test_a_span_over_the_limit_goes_with_shorter_texts(sgp: SGPClient, alone: Client, kept: Kept) -> None:
    sgp.spans.upsert_batch(items=[span(1, input={"text": "x" * (600 << 10)})])
    (found,) = kept()
    assert "[shortened from 614400 characters]" in found["input"]["text"]
    assert alone.stats().shortened == 1


def test_two_loops_threads_and_one_that_ends_at_once_lose_nothing(rng: random.Random) -> None:
    with Upstream() as upstream, before(upstream) as sidecar:
        client = Client(sidecar.socket)
        sgp = async_over(Transport(client))

        async def post(first: int) -> None:
            await asyncio.gather(*[sgp.spans.upsert_batch(items=[span(first + number)]) for number in range(10)])

        def loop(first: int) -> None:
            asyncio.run(post(first))

        loop(0)
        loop(10)
        threads = [threading.Thread(target=loop, args=[20 + 10 * each]) for each in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.close()
        until(lambda: len(upstream.spans()) == 70)
        ledger = sidecar.stop()
    assert ledger["dialects"]["spans"] == {"received": 70, "accepted": 70, "refused": {}}


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # that is the point
def test_a_forked_process_posts_its_own_spans_once() -> None:
    with Upstream() as upstream, before(upstream) as sidecar:
        client = Client(sidecar.socket)
        with over(Transport(client)) as sgp:
            sgp.spans.upsert_batch(items=[span(1)])
            child = os.fork()
            if child == 0:
                sgp.spans.upsert_batch(items=[span(2)])
                os._exit(not client.close())
            assert os.waitpid(child, 0)[1] == 0
            sgp.spans.upsert_batch(items=[span(3)])
        assert client.close()
        until(lambda: len(upstream.spans()) == 3)
        assert sorted(copy["id"] for copy in upstream.copies()) == ["s1", "s2", "s3"]


@pytest.mark.parametrize("status", [401, 503])
def test_an_upstream_that_refuses_us_for_a_while_costs_no_span_and_few_requests(status: int) -> None:
    with Upstream() as upstream, before(upstream) as sidecar:
        client = Client(sidecar.socket)
        upstream.behave(Behaviour(status=status))
        with over(Transport(client)) as sgp:
            for number in range(20):
                sgp.spans.upsert_batch(items=[span(number)])
        assert client.close()
        until(lambda: upstream.sink.count().requests >= 1)
        asked = upstream.sink.count().requests
        upstream.behave(Behaviour())
        sidecar.stop()  # it asks once more before it ends
        assert set(upstream.spans()) == {f"s{number}" for number in range(20)}
    assert asked <= 3  # where the SDK alone makes 4 of each post for a 401, and 12 for a 503
    stats = client.stats()
    assert (stats.recorded, stats.accepted, stats.reposts) == (20, 20, 0)


@pytest.mark.parametrize("status", [400, 422])
def test_a_span_that_the_upstream_refuses_costs_only_itself(status: int) -> None:
    with Upstream() as upstream, before(upstream) as sidecar:
        client = Client(sidecar.socket)
        upstream.behave(Behaviour(reject_span="poison", reject_status=status))
        with over(Transport(client)) as sgp:
            sgp.spans.upsert_batch(items=[span(number, name="poison" if number == 13 else "n") for number in range(50)])
        assert client.close()
        sidecar.until('inspan_spans_quarantined_total{destination="sgp"}', 1)
        until(lambda: len(upstream.spans()) == 49)
        assert "s13" not in upstream.spans()


def test_a_span_that_the_sidecar_refuses_costs_only_itself() -> None:
    with Upstream() as upstream, before(upstream, INSPAN_LIMITS__MAX_SPAN_BYTES="10KiB") as sidecar:
        client = Client(sidecar.socket)
        with over(Transport(client)) as sgp:
            large = {"text": "x" * 20_000}
            sgp.spans.upsert_batch(items=[span(number, input=large if number == 7 else {}) for number in range(30)])
        client.close()
        until(lambda: len(upstream.spans()) == 29)
    stats = client.stats()
    assert (stats.recorded, stats.accepted, stats.dropped["refused"]) == (30, 29, 1)


def test_a_span_that_is_nested_as_deep_as_the_sdk_can_write_costs_only_itself() -> None:
    deep: dict[str, Any] = {}
    for _ in range(900):
        deep = {"a": deep}
    with Upstream() as upstream, before(upstream) as sidecar:
        client = Client(sidecar.socket)
        with over(Transport(client)) as sgp:
            sgp.spans.upsert_batch(items=[span(number, input=deep if number == 7 else {}) for number in range(30)])
        client.close()
        until(lambda: len(upstream.spans().keys() - {"s7"}) == 29)
    stats = client.stats()
    assert stats.accepted + stats.dropped["refused"] == stats.recorded == 30
    assert stats.accepted >= 29


def test_without_a_sidecar_everything_that_is_left_at_the_end_is_counted(alone: Client) -> None:
    with over(Transport(alone)) as sgp:
        for number in range(10):
            sgp.spans.upsert_batch(items=[span(number)])
    assert not alone.close(0.1)
    assert alone.stats().dropped["exit"] == 10


def test_a_closed_client_takes_nothing_and_says_so(alone: Client) -> None:
    alone.close(0)
    with over(Transport(alone)) as sgp:
        assert sgp.spans.upsert_batch(items=[span(1)]).items == []
    assert alone.stats().dropped["closed"] == 1
