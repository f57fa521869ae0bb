"""What the contract of SGP refuses is found span by span, and nothing that was refused is sent again as it was."""

import asyncio
import itertools
import json
import random
from collections import Counter

import pytest
from tests.collector.offenders import ELSEWHERE, KINDS, Span, encoded, good, keys, some
from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.sgp_upstream import Put, SgpUpstream
from tests.virtual_time import run

from inspan_collector.errors import Later
from inspan_collector.gate import PROBE_PAUSED, SECOND_LOOK
from inspan_collector.pipeline.evidence import STALE

SEEDS = 240


def post(rig: Rig, *spans: Span) -> None:
    assert rig.post(format="span_json", body=encoded(spans))


def quarantined(rig: Rig) -> list[Span]:
    return [span for entry in rig.destination.quarantine.kept.values() for span in json.loads(entry.body)]


def refused(puts: list[Put]) -> Counter[bytes]:
    """How often each body was refused."""
    return Counter(put.body for put in puts if put.status != 200)


def assert_not_sent_again_but_as_probes(puts: list[Put], pauses: int) -> None:
    """A refused body is sent again only by the slow probes of a pause, and once when the pause is over."""
    sent: dict[bytes, list[float]] = {}
    for put in puts:
        if put.status != 200:
            sent.setdefault(put.body, []).append(put.at)
    for times in sent.values():
        quick = [gap for a, b in itertools.pairwise(times) if (gap := b - a) < SECOND_LOOK]
        assert len(quick) <= pauses
        assert len(times) == 1 or pauses


def test_a_span_that_is_refused_alone_is_not_sent_again_but_to_see_whether_the_upstream_still_refuses_everything() -> (
    None
):
    async def main() -> None:
        upstream = SgpUpstream()
        rig = Rig(upstream)
        post(rig, KINDS["its own parent"].make(1))
        await asyncio.sleep(SECOND_LOOK)
        assert [put.status for put in upstream.puts] == [409]
        assert rig.destination.gate.state == "open"
        await asyncio.sleep(1)
        assert [put.status for put in upstream.puts] == [409]
        assert rig.destination.gate.state == "paused"
        await asyncio.sleep(SECOND_LOOK + 2 * PROBE_PAUSED)
        waits = [later.at - sooner.at for sooner, later in itertools.pairwise(upstream.puts)]
        assert waits == pytest.approx([2 * SECOND_LOOK, PROBE_PAUSED, PROBE_PAUSED], abs=0.1)
        assert rig.books() == {"enqueued": 1, "in_flight": 1}
        post(rig, good(1))
        await asyncio.sleep(PROBE_PAUSED + 1)
        # The good one went first, and a single refusal beside it was enough.
        assert [put.status for put in upstream.puts[4:]] == [200, 409]
        assert await rig.drained() == {"enqueued": 2, "delivered": 1, "quarantined": 1}

    run(main())


@pytest.mark.parametrize("concurrency", [1, 2, 8])
@pytest.mark.parametrize("delay", [0.0, 0.05, 0.3])
def test_a_span_that_is_refused_alone_stops_nobody_where_others_are_taken(concurrency: int, delay: float) -> None:
    async def main() -> None:
        upstream = SgpUpstream(delay=delay)
        rig = Rig(upstream, concurrency=concurrency, batch={"max_spans": 1, "linger": 0})
        bad = [KINDS["NUL in its trace_id"].make(number) for number in range(5)]
        for number in range(100):
            post(rig, bad[number // 20] if number % 20 == 10 else good(number))
            await asyncio.sleep(0.4)
        await asyncio.sleep(SECOND_LOOK)
        assert "paused" not in rig.kinds()
        assert set(refused(upstream.puts).values()) == {1}
        assert keys(quarantined(rig)) == keys(bad)
        assert await rig.drained() == {"enqueued": 100, "delivered": 95, "quarantined": 5}

    run(main())


@pytest.mark.parametrize("witness", [True, False])
def test_a_span_that_waits_for_a_witness_cuts_no_time_short_that_the_upstream_asks_for(witness: bool) -> None:
    async def main() -> None:
        upstream = SgpUpstream()
        rig = Rig(upstream, batch={"linger": 0})
        asked: list[float] = []

        def later(_: object, __: object) -> None:
            asked.append(asyncio.get_running_loop().time())
            raise Later("503", retry_after=100.0)

        post(rig, KINDS["NUL in its id"].make(1))
        await asyncio.sleep(1)
        upstream.rules.append(later)
        post(rig, good(1), *([] if witness else [KINDS["NUL in its id"].make(2)]))
        await asyncio.sleep(99)
        assert len(asked) == 1
        upstream.rules.clear()
        await asyncio.sleep(10)
        assert set(refused(upstream.puts).values()) == {1}
        assert rig.kinds()[0] == "gate_shut"
        assert "paused" not in rig.kinds()
        expected = {"enqueued": 2, "delivered": 1, "quarantined": 1}
        assert await rig.drained() == (expected if witness else expected | {"enqueued": 3, "quarantined": 2})

    run(main())


def test_a_span_that_waits_for_a_witness_does_not_hold_up_the_end_of_a_drain() -> None:
    async def main() -> None:
        upstream = SgpUpstream()
        rig = Rig(upstream)
        post(rig, KINDS["NUL in its id"].make(1))
        await asyncio.sleep(0.5)
        began = asyncio.get_running_loop().time()
        assert await rig.drained(deadline=0.2) == {"enqueued": 1, "dropped_shutdown": 1}
        assert asyncio.get_running_loop().time() == pytest.approx(began + 0.2)

    run(main())


@pytest.mark.parametrize("count", [2, 3, 8, 100])
def test_where_all_are_offenders_none_is_condemned_before_a_witness_and_each_probe_is_another_body(count: int) -> None:
    async def main() -> None:
        upstream = SgpUpstream()
        rig = Rig(upstream)
        bad = [KINDS["NUL in its id"].make(number) for number in range(count)]
        post(rig, *bad)
        await asyncio.sleep(1)
        assert len(upstream.puts) <= 5  # the batch, its halves, and one span of each
        await asyncio.sleep(PROBE_PAUSED * min(count - 3, 20))
        assert rig.books() == {"enqueued": count, "in_flight": count}
        assert max(refused(upstream.puts).values()) == 1
        witnesses = 0
        while rig.destination.ledger.held():
            witnesses += 1
            post(rig, good(witnesses))
            await asyncio.sleep(PROBE_PAUSED + 1)
        assert witnesses <= 1 + 2 * count // STALE  # so many refusals in a row make a witness count for nothing
        assert keys(quarantined(rig)) == keys(bad)
        assert_not_sent_again_but_as_probes(upstream.puts, rig.kinds().count("paused"))
        assert await rig.drained() == {"enqueued": count + witnesses, "delivered": witnesses, "quarantined": count}

    run(main())


def test_a_neighbour_that_was_only_ever_refused_in_company_is_tried_alone_before_it_is_judged() -> None:
    async def main() -> None:
        upstream = SgpUpstream()
        rig = Rig(upstream, batch={"max_spans": 4, "linger": 0})
        first, second = (KINDS["a status that there is not"].make(number) for number in (1, 2))
        post(rig, first, good(1), second, good(2))
        # The batch and both halves are refused; while the first span is tried alone, another batch is taken.
        await asyncio.sleep(2.5 * upstream.delay)
        post(rig, good(3))
        await asyncio.sleep(1)
        assert [len(put.spans) for put in upstream.puts[:5]] == [4, 2, 2, 1, 1]
        assert keys(quarantined(rig)) == keys([first, second])
        assert await rig.drained() == {"enqueued": 5, "delivered": 3, "quarantined": 2}

    run(main())


@pytest.mark.parametrize("concurrency", [1, 8])
def test_however_many_batches_are_nothing_but_offenders_the_good_ones_behind_them_are_not_kept_out(
    concurrency: int,
) -> None:
    async def main() -> None:
        upstream = SgpUpstream()
        rig = Rig(upstream, concurrency=concurrency, batch={"max_spans": 5, "linger": 0})
        bad = [KINDS["a status that there is not"].make(number) for number in range(100)]
        for number in range(0, 100, 5):
            post(rig, *bad[number : number + 5])
        await asyncio.sleep(3600)
        fine = [good(number) for number in range(20)]
        post(rig, *fine)
        await asyncio.sleep(2 * PROBE_PAUSED)
        assert upstream.delivered()
        while rig.destination.ledger.held():
            fine.append(good(len(fine)))
            post(rig, fine[-1])
            await asyncio.sleep(PROBE_PAUSED + 1)
        assert len(fine) < 30
        assert keys(quarantined(rig)) == keys(bad)
        assert await rig.drained() == {"enqueued": 100 + len(fine), "delivered": len(fine), "quarantined": 100}

    run(main())


async def scenario(seed: int) -> None:
    """Any offenders among any neighbours, in any posts, at any concurrency; after something was taken."""
    rng = random.Random(seed)
    upstream = SgpUpstream(delay=rng.choice([0.0, 0.01, 0.3]))
    batch = {"max_spans": rng.choice([5, 50, 1000]), "linger": rng.choice([0.0, 0.1])}
    rig = Rig(upstream, concurrency=rng.choice([1, 2, 8]), batch=batch)
    post(rig, ELSEWHERE)
    await asyncio.sleep(1)
    fine = [good(number) for number in range(1, rng.choice([2, 20, 300]))]
    bad = some(rng, rng.choice([1, 2, 5, 40]))
    spans = fine + bad
    rng.shuffle(spans)
    while spans:
        some_of_them = rng.randint(1, rng.choice([1, 10, 2000]))
        post(rig, *spans[:some_of_them])
        del spans[:some_of_them]
        if rng.random() < 0.3:
            await asyncio.sleep(rng.expovariate(10))
        assert rig.pipeline.imbalance() == 0
    while rig.destination.ledger.held() and len(fine) < 400:
        fine.append(good(1000 + len(fine)))  # where offenders are all there is, the next good span is their witness
        post(rig, fine[-1])
        await asyncio.sleep(PROBE_PAUSED + 1)
    assert keys(quarantined(rig)) == keys(bad)
    assert keys(upstream.delivered()) == keys([ELSEWHERE, *fine])
    assert all(entry.spans == 1 for entry in rig.destination.quarantine.kept.values())
    assert_not_sent_again_but_as_probes(upstream.puts, rig.kinds().count("paused"))
    assert await rig.drained() == {
        "enqueued": 1 + len(fine) + len(bad),
        "delivered": 1 + len(fine),
        "quarantined": len(bad),
    }


@pytest.mark.parametrize("block", range(8))
def test_every_offender_ends_in_quarantine_and_every_neighbour_upstream(block: int) -> None:
    for number in range(block * SEEDS // 8, (block + 1) * SEEDS // 8):
        print("seed", number)
        run(scenario(number))
