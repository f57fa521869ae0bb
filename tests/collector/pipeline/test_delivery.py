"""The four decisions: delivered, later, isolate, pause."""

import asyncio
import itertools
import math

from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.upstream import (
    Upstream,
    at_most,
    json_spans,
    otlp_spans,
    poison,
    refuse_everything,
    reset_on,
)
from tests.virtual_time import run

from inspan_collector.errors import Later, Pause


def failing(times: int, error: Exception):
    """Raise the first so many times."""
    left = [times]

    def rule(upstream: Upstream, found: list[int]) -> None:
        if left[0]:
            left[0] -= 1
            raise error

    return rule


def test_chunks_that_wait_together_leave_as_one_request():
    async def main() -> None:
        upstream = Upstream()
        rig = Rig(upstream)
        for _ in range(10):
            rig.post(5)
        await asyncio.sleep(0.2)
        assert [len(request) for request in upstream.requests] == [50]
        assert await rig.drained() == {"enqueued": 50, "delivered": 50}

    run(main())


def test_a_span_that_is_tried_again_and_again_grows_old():
    async def main() -> None:
        rig = Rig(Upstream(failing(5, Later("503"))))
        assert rig.pipeline.oldest() is None
        began = asyncio.get_running_loop().time()
        rig.post(1)
        await asyncio.sleep(1)
        rig.post(1)
        assert rig.books()["in_flight"] == 1
        assert rig.pipeline.oldest() == began
        await asyncio.sleep(120)
        assert await rig.drained() == {"enqueued": 2, "delivered": 2}
        assert rig.pipeline.oldest() is None

    run(main())


def test_an_upstream_that_puts_us_off_gets_the_same_spans_later():
    async def main() -> None:
        upstream = Upstream(failing(5, Later("503")))
        rig = Rig(upstream)
        rig.post(4)
        await asyncio.sleep(120)
        assert sorted(upstream.taken) == [1, 2, 3, 4]
        assert rig.kinds()[0] == "gate_shut"
        assert "recovered" in rig.kinds()
        assert await rig.drained() == {"enqueued": 4, "delivered": 4}

    run(main())


def test_retry_after_is_obeyed():
    async def main() -> None:
        upstream = Upstream(failing(1, Later("429", retry_after=7.0)))
        rig = Rig(upstream)
        rig.post()
        await asyncio.sleep(7.0)
        assert len(upstream.requests) == 1
        await asyncio.sleep(0.5)
        assert upstream.taken == [1]
        await rig.drained()

    run(main())


def test_while_the_gate_is_shut_one_attempt_at_a_time_probes_and_probes_rotate():
    async def main() -> None:
        down = [True]

        def rule(upstream: Upstream, found: list[int]) -> None:
            if down[0]:
                raise Later("503")

        upstream = Upstream(rule, delay=0.05)
        rig = Rig(upstream, batch={"max_spans": 10, "linger": "0s"})
        for _ in range(8):
            rig.post(10)
        await asyncio.sleep(0.06)
        first = len(upstream.requests)
        upstream.most_in_hand = 0
        await asyncio.sleep(60)
        probes = [request[0] for request in upstream.requests[first:]]
        assert upstream.most_in_hand == 1
        assert len(set(probes)) > 1
        assert all(one != other for one, other in itertools.pairwise(probes))
        down[0] = False
        await asyncio.sleep(60)
        assert await rig.drained() == {"enqueued": 80, "delivered": 80}

    run(main())


def test_one_poisoned_span_is_quarantined_and_its_neighbours_are_delivered():
    async def main() -> None:
        for status in (400, 409, 413, 422):
            upstream = Upstream(poison(700, status=status))
            rig = Rig(upstream)
            rig.post(1000)
            await asyncio.sleep(60)
            assert sorted(upstream.taken) == [n for n in range(1, 1001) if n != 700]
            assert len(upstream.requests) <= 1 + 2 * math.log2(1000) + 2
            [kept] = rig.destination.quarantine.kept.values()
            assert (kept.status, kept.message, kept.spans) == (status, "bad span", 1)
            assert await rig.drained() == {"enqueued": 1000, "delivered": 999, "quarantined": 1}

    run(main())


def test_a_span_that_breaks_the_connection_whenever_it_is_present_is_found_too():
    async def main() -> None:
        upstream = Upstream(reset_on(700))
        rig = Rig(upstream, batch={"max_spans": 1000})
        rig.post(1000)
        rig.post(1000)
        await asyncio.sleep(600)
        assert len(upstream.taken) == 1999
        assert len(upstream.requests) <= 2 + 2 + 2 * math.log2(1000) + 2
        assert await rig.drained() == {"enqueued": 2000, "delivered": 1999, "quarantined": 1}

    run(main())


def test_many_poisoned_spans_are_all_found():
    async def main() -> None:
        bad = {1, 2, 3, 500, 501, 999, 1000}
        upstream = Upstream(poison(*bad))
        rig = Rig(upstream)
        rig.post(1000)
        await asyncio.sleep(300)
        assert sorted(upstream.taken) == [n for n in range(1, 1001) if n not in bad]
        assert await rig.drained() == {"enqueued": 1000, "delivered": 993, "quarantined": 7}

    run(main())


def test_an_upstream_that_refuses_everything_pauses_and_empties_nothing_into_quarantine():
    async def main() -> None:
        upstream = Upstream(refuse_everything())
        rig = Rig(upstream, batch={"max_spans": 1000, "linger": "0s"})
        for _ in range(20):
            rig.post(1000)
        await asyncio.sleep(60)
        assert len(upstream.requests) <= 20
        assert rig.destination.gate.state == "paused"
        assert "refuses_everything" in rig.destination.gate.reason
        assert rig.books() == {
            "enqueued": 20_000,
            **{k: v for k, v in rig.books().items() if k in ("queued", "in_flight")},
        }
        upstream.rules.clear()
        await asyncio.sleep(120)
        assert len(upstream.taken) == 20_000
        assert await rig.drained() == {"enqueued": 20_000, "delivered": 20_000}

    run(main())


def test_a_lone_poisoned_span_waits_for_a_witness():
    async def main() -> None:
        upstream = Upstream(poison(1))
        rig = Rig(upstream)
        rig.post()
        await asyncio.sleep(100)
        assert rig.destination.gate.state == "paused"
        rig.post()
        await asyncio.sleep(100)
        assert upstream.taken == [2]
        assert await rig.drained() == {"enqueued": 2, "delivered": 1, "quarantined": 1}

    run(main())


def test_a_poisoned_span_alone_does_not_stop_a_destination():
    async def main() -> None:
        upstream = Upstream(poison(1))
        rig = Rig(upstream)
        rig.post()
        await asyncio.sleep(1)
        assert rig.destination.gate.state == "open"
        rig.post(5)
        await asyncio.sleep(0.5)
        assert upstream.taken == [2, 3, 4, 5, 6]
        assert await rig.drained() == {"enqueued": 6, "delivered": 5, "quarantined": 1}

    run(main())


def test_a_wrong_credential_pauses_keeps_everything_and_says_so_once():
    async def main() -> None:
        upstream = Upstream(failing(4, Pause("401 no such key")))
        rig = Rig(upstream)
        rig.post(3)
        await asyncio.sleep(5)
        rig.post(2)
        await asyncio.sleep(40)
        assert len(upstream.requests) == 2
        assert rig.kinds() == ["paused"]
        await asyncio.sleep(120)
        assert sorted(upstream.taken) == [1, 2, 3, 4, 5]
        assert await rig.drained() == {"enqueued": 5, "delivered": 5}

    run(main())


def test_413_teaches_the_byte_limit_and_success_raises_it_again():
    async def main() -> None:
        upstream = Upstream(at_most(100))
        rig = Rig(upstream, batch={"linger": "0s"})
        rig.post(1000)
        await asyncio.sleep(10)
        learned = rig.destination.learned_bytes
        assert learned < rig.destination.max_batch_bytes
        upstream.rules.clear()
        for _ in range(200):
            rig.post(1000)
            await asyncio.sleep(1)
        assert rig.destination.learned_bytes > learned
        books = await rig.drained()
        assert books == {"enqueued": 201_000, "delivered": 201_000}

    run(main())


def test_partial_success_is_booked_as_rejected():
    async def main() -> None:
        upstream = Upstream(lambda up, found: 2)
        rig = Rig(upstream)
        rig.post(5)
        await asyncio.sleep(1)
        assert await rig.drained() == {"enqueued": 5, "delivered": 3, "dropped_rejected": 2}

    run(main())


def test_a_defect_of_an_exporter_is_booked_and_the_rest_goes_on():
    async def main() -> None:
        upstream = Upstream(failing(1, RuntimeError("oops")))
        rig = Rig(upstream)
        rig.post(2)
        await asyncio.sleep(1)
        rig.post(3)
        await asyncio.sleep(1)
        assert await rig.drained() == {"enqueued": 5, "delivered": 3, "dropped_bug": 2}

    run(main())


def test_a_flaky_upstream_never_puts_a_span_into_quarantine():
    async def main() -> None:
        import random

        rng = random.Random(5)

        def rule(upstream: Upstream, found: list[int]) -> None:
            if rng.random() < 0.7:
                raise Later("503")

        upstream = Upstream(rule)
        rig = Rig(upstream, batch={"max_spans": 10, "linger": "0s"}, retry={"initial": "10ms", "max": "100ms"})
        for _ in range(200):
            rig.post(10)
        await asyncio.sleep(600)
        assert await rig.drained() == {"enqueued": 2000, "delivered": 2000}

    run(main())


def test_spans_that_do_not_parse_are_quarantined_without_asking_the_upstream_again():
    async def main() -> None:
        broken = otlp_spans([3], name=b"\xff\xfe")  # a name must be UTF-8
        upstream = Upstream()

        def rule(up: Upstream, found: list[int]) -> None: ...

        rig = Rig(upstream)
        from inspan_collector.errors import Isolate
        from inspan_collector.formats import FORMATS

        async def send(format, payload, spans):
            upstream.requests.append([spans])
            if FORMATS[format.name].faults(payload):
                raise Isolate(400, "does not parse")
            upstream.taken.extend([0] * spans)
            from inspan_collector.receipt import Receipt

            return Receipt()

        upstream.send = send
        rig.post(body=otlp_spans([1, 2]) + broken + otlp_spans([4]))
        await asyncio.sleep(1)
        assert upstream.requests == [[4], [3]]
        assert await rig.drained() == {"enqueued": 4, "delivered": 3, "quarantined": 1}

    run(main())


def test_a_drain_at_its_deadline_books_what_is_left_as_shutdown():
    async def main() -> None:
        upstream = Upstream(delay=9.0)
        rig = Rig(upstream, batch={"max_spans": 10})
        for _ in range(30):
            rig.post(10)
        await asyncio.sleep(1)
        assert await rig.drained(deadline=7) == {"enqueued": 300, "dropped_shutdown": 300}

    run(main())


def test_max_attempts_and_max_age_are_obeyed_where_set():
    async def main() -> None:
        upstream = Upstream(failing(10**6, Later("503")))
        rig = Rig(upstream, retry={"max_attempts": 3})
        rig.post(2)
        await asyncio.sleep(300)
        assert await rig.drained() == {"enqueued": 2, "dropped_max_attempts": 2}
        rig = Rig(upstream, queue={"max_age": "60s"}, batch={"max_spans": 1}, concurrency=1)
        for _ in range(5):
            rig.post()
        await asyncio.sleep(300)
        assert await rig.drained() == {"enqueued": 5, "dropped_expired": 5}

    run(main())


def test_formats_are_never_mixed_in_a_batch():
    async def main() -> None:
        upstream = Upstream()
        rig = Rig(upstream)
        for number in range(100, 110, 2):
            rig.post(body=otlp_spans([number]))
            rig.post(body=json_spans([number + 1]), format="span_json")
        await asyncio.sleep(1)
        assert sorted(upstream.requests) == [[100, 102, 104, 106, 108], [101, 103, 105, 107, 109]]
        await rig.drained()

    run(main())


def test_with_one_slot_a_span_that_breaks_the_connection_does_not_hold_the_gate_shut():
    async def main() -> None:
        upstream = Upstream(reset_on(7))
        rig = Rig(upstream, concurrency=1, batch={"max_spans": 10})
        for _ in range(5):
            rig.post(10)
        await asyncio.sleep(3600)
        assert len(upstream.taken) == 49
        assert await rig.drained() == {"enqueued": 50, "delivered": 49, "quarantined": 1}

    run(main())


def test_who_waits_for_a_search_can_probe_when_the_searcher_is_put_off():
    async def main() -> None:
        upstream = Upstream(poison(1, 21), reset_on(2))
        rig = Rig(upstream, concurrency=2, batch={"max_spans": 20, "linger": "0s"})
        for _ in range(30):
            rig.post(20)
        await asyncio.sleep(6 * 3600)
        books = await rig.drained()
        assert books == {"enqueued": 600, "delivered": 597, "quarantined": 3}

    run(main())


def test_a_span_that_is_answered_403_alone_is_found_like_any_other():
    def firewall(upstream: Upstream, found: list[int]) -> None:
        if 7 in found:
            raise Pause("403")

    async def main() -> None:
        for concurrency in (1, 8):
            upstream = Upstream(firewall)
            rig = Rig(upstream, concurrency=concurrency, batch={"max_spans": 10})
            for _ in range(3000):
                rig.post(1)
                await asyncio.sleep(1)
            await asyncio.sleep(3600)
            assert await rig.drained() == {"enqueued": 3000, "delivered": 2999, "quarantined": 1}

    run(main())


def test_an_attempt_under_way_does_not_cut_short_the_time_that_the_upstream_asked_for():
    async def main() -> None:
        upstream = Upstream(delay=1.0)

        def rule(up: Upstream, found: list[int]) -> None:
            if 2 in found and asyncio.get_running_loop().time() < 30:
                raise Later("429", retry_after=60.0)

        upstream.rules.append(rule)
        rig = Rig(upstream, concurrency=2, batch={"max_spans": 1, "linger": "0s"})
        for _ in range(6):
            rig.post()
        await asyncio.sleep(59)
        assert len(upstream.requests) == 2
        await asyncio.sleep(60)
        assert await rig.drained() == {"enqueued": 6, "delivered": 6}

    run(main())


def test_a_pause_does_not_outlast_a_drain_that_could_deliver():
    async def main() -> None:
        upstream = Upstream(failing(3, Pause("401")))
        rig = Rig(upstream)
        rig.post(5)
        await asyncio.sleep(1)
        assert await rig.drained(deadline=20) == {"enqueued": 5, "delivered": 5}

    run(main())


def test_where_a_decision_breaks_the_spans_are_booked_and_nothing_is_kept():
    async def main() -> None:
        upstream = Upstream(failing(1, Later("503")))
        rig = Rig(upstream)
        rig.destination.gate.failed = None  # type: ignore[assignment]  # whatever the defect is
        rig.post(5)
        await asyncio.sleep(1)
        rig.post(2)
        await asyncio.sleep(1)
        assert await rig.drained() == {"enqueued": 7, "delivered": 2, "dropped_bug": 5}

    run(main())
