import random
from collections.abc import Iterator

import pytest

from inspan_collector.batch import Limits
from inspan_collector.chunk import Chunk, Custody
from inspan_collector.ledger import DELIVERED, DROPPED_SHUTDOWN, IN_FLIGHT, Ledger
from inspan_collector.queue.lanes import Lanes
from inspan_collector.queue.queue import Queue

SPAN = '{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708"}'
OTLP_JSON = '{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}'


class Rig:
    """A queue, and how many of the bytes it was given have not been released."""

    def __init__(
        self,
        *,
        max_spans: int = 100,
        max_bytes: int = 1000,
        evict: bool = False,
        crowded: bool = False,
        batch: tuple[int, int, float] = (10, 100, 5.0),
    ) -> None:
        self.ledger = Ledger("up")
        self.wakes = 0
        self.owed = 0
        limits = Limits(*batch)
        self.queue = Queue(
            self.ledger,
            Lanes(limits),
            limits,
            max_spans=max_spans,
            max_bytes=max_bytes,
            evict=evict,
            crowded=lambda: crowded,
        )
        self.queue.wake = self._wake

    def _wake(self) -> None:
        self.wakes += 1

    def _released(self, size: int) -> None:
        self.owed -= size

    def chunk(
        self, spans: int = 1, size: int = 10, agent: str = "a", arrived: float = 0.0, format: str = "otlp_protobuf"
    ) -> Chunk:
        self.owed += size
        custody = Custody(size, self._released)
        return custody.chunk(format, bytes(size), spans, agent=agent, arrived=arrived)

    def offer(self, *args: object, **more: object) -> str | None:
        chunk = self.chunk(*args, **more)  # type: ignore[arg-type]
        refusal = self.queue.offer(chunk, [])
        if refusal is not None:
            chunk.keeper.let_go(chunk)
        return refusal

    def check(self) -> None:
        queue = self.queue
        assert self.ledger.imbalance(queue.waiting.count(), self.ledger.balances[IN_FLIGHT]) == 0
        assert queue.held_spans == self.ledger.held()
        assert queue.held_bytes == sum(queue.held_by.values()) == self.owed
        assert queue.held_spans <= queue.max_spans and queue.held_bytes <= queue.max_bytes

    def books(self) -> dict[str, int]:
        return {name: count for name, count in self.ledger.snapshot().items() if count}


def test_a_chunk_that_fits_is_taken_and_a_full_queue_says_so():
    rig = Rig(max_spans=3)
    assert rig.offer(2) is None
    assert rig.offer(2) == "queue_full"
    assert rig.offer(1) is None
    assert rig.offer(1) == "queue_full"
    rig.check()
    assert rig.books() == {"enqueued": 3, "queued": 3}


def test_bytes_are_a_bound_too():
    rig = Rig(max_bytes=100)
    assert rig.offer(1, 60) is None
    assert rig.offer(1, 41) == "queue_full"
    assert rig.offer(1, 40) is None
    assert rig.queue.fill() == 1.0


@pytest.mark.parametrize(("spans", "size"), [(101, 1), (1, 1001)])
def test_what_could_never_fit_is_too_large_and_not_too_early(spans: int, size: int):
    assert Rig().offer(spans, size) == "too_large"


def test_what_is_in_flight_stays_inside_the_bound_until_its_fate():
    rig = Rig(max_spans=2)
    rig.offer(2)
    taken = rig.queue.take(100, 0.0)
    assert rig.offer(1) == "queue_full"
    rig.queue.settle([taken[0]], DELIVERED, 0.0)
    assert rig.offer(1) is None
    rig.check()


def test_a_batch_ends_where_the_next_chunk_would_pass_a_limit():
    rig = Rig()
    for spans in (4, 4, 4):
        rig.offer(spans)
    assert [chunk.spans for chunk in rig.queue.take(100, 0.0)] == [4, 4]
    assert [chunk.spans for chunk in rig.queue.take(100, 0.0)] == [4]
    for _ in range(3):
        rig.offer(1, 40)
    assert len(rig.queue.take(100, 0.0)) == 2
    assert len(rig.queue.take(30, 0.0)) == 1  # a first chunk over the limit is the caller's to cut


def test_linger_runs_from_the_first_span_and_a_full_batch_waits_for_nothing():
    rig = Rig()
    assert rig.queue.waiting.time_left(0) is None
    rig.offer(1, arrived=100.0)
    rig.offer(1, arrived=104.0)
    assert rig.queue.waiting.time_left(101.0) == 4.0
    assert rig.queue.waiting.time_left(105.0) == rig.queue.waiting.time_left(200.0) == 0.0
    rig.offer(8, arrived=104.0)
    assert rig.queue.waiting.time_left(101.0) == 0.0


def test_formats_wait_in_lanes_of_their_own_and_the_oldest_goes_first():
    rig = Rig()
    rig.offer(1, arrived=2.0, format="otlp_json")
    rig.offer(1, arrived=1.0)
    rig.offer(1, arrived=3.0)
    assert rig.queue.waiting.oldest() == 1.0
    assert [chunk.format for chunk in rig.queue.take(100, 0.0)] == ["otlp_protobuf"] * 2
    assert [chunk.format for chunk in rig.queue.take(100, 0.0)] == ["otlp_json"]
    assert rig.queue.waiting.oldest() is None


def test_it_wakes_the_batcher_for_the_first_chunk_and_for_a_full_batch_only():
    rig = Rig()
    for _ in range(9):
        rig.offer(1)
    assert rig.wakes == 1
    rig.offer(1)
    assert rig.wakes == 2


def test_the_oldest_make_room_where_that_is_configured():
    rig = Rig(max_spans=3, evict=True)
    for arrived in (1.0, 2.0, 3.0):
        rig.offer(1, arrived=arrived)
    assert rig.offer(2, arrived=4.0) is None
    assert rig.books() == {"enqueued": 5, "queued": 3, "dropped_queue_full": 2}
    assert rig.queue.waiting.oldest() == 3.0
    rig.check()


def test_what_is_in_flight_is_never_evicted_and_nothing_is_dropped_in_vain():
    rig = Rig(max_spans=4, evict=True)
    rig.offer(3)
    rig.queue.take(100, 0.0)
    rig.offer(1)
    assert rig.offer(2) == "queue_full"
    assert rig.books() == {"enqueued": 4, "queued": 1, "in_flight": 3}


def test_alone_an_agent_may_fill_the_queue():
    rig = Rig(max_bytes=1000)
    while rig.offer() is None:
        pass
    assert rig.queue.held_bytes == 1000


def test_under_pressure_the_agent_that_holds_most_is_refused_first():
    rig = Rig(max_bytes=1000, crowded=True)
    answers = [rig.offer(agent="noisy") for _ in range(100)]
    held = rig.queue.held_by["noisy"]
    assert answers.count("fair_share") == 100 - held // 10 and 800 <= held < 950
    assert rig.offer(agent="quiet") is None
    rig.check()


def test_two_greedy_agents_get_about_the_same():
    rig = Rig(max_bytes=10_000, max_spans=10_000, crowded=True)
    for _ in range(1000):
        rig.offer(agent="a")
        rig.offer(agent="b")
    a, b = rig.queue.held_by["a"], rig.queue.held_by["b"]
    assert abs(a - b) <= 10 and 8000 <= a + b < 10_000


def test_below_the_pressure_nobody_is_compared():
    rig = Rig(max_bytes=1000, crowded=True)
    assert [rig.offer(agent="noisy") for _ in range(50)] == [None] * 50


def test_no_agent_is_remembered_for_having_been_here():
    rig = Rig()
    for number in range(20):
        rig.offer(agent=f"agent {number}")
    assert rig.queue.empty(DROPPED_SHUTDOWN) == 20
    assert rig.queue.held_by == {}
    rig.check()


def test_what_is_too_old_expires_and_the_rest_stays():
    rig = Rig()
    for arrived in (1.0, 2.0, 3.0):
        rig.offer(2, arrived=arrived)
    rig.offer(1, arrived=0.5, format="span_json")
    assert rig.queue.expire(3.0) == 5
    assert rig.books() == {"enqueued": 7, "queued": 2, "dropped_expired": 5}


def test_a_cut_chunk_grows_the_bound_by_what_its_parts_repeat():
    rig = Rig(max_bytes=1000)
    body = OTLP_JSON.format(",".join(SPAN for _ in range(4))).encode()
    rig.owed += len(body)
    custody = Custody(len(body), rig._released)
    assert rig.queue.offer(custody.chunk("otlp_json", body, 4, agent="a", arrived=0.0), []) is None
    (chunk,) = rig.queue.take(1000, 0.0)
    one, other = rig.queue.cut(chunk)
    assert rig.queue.held_bytes == one.size + other.size > len(body)
    rig.queue.settle([one], DELIVERED, 0.0)
    assert rig.owed == len(body), "one body, charged once, until its last part has gone"
    rig.queue.settle([other], DELIVERED, 0.0)
    assert (rig.owed, rig.queue.held_bytes, rig.queue.held_by) == (0, 0, {})


def steps(rng: random.Random) -> Iterator[str]:
    for _ in range(400):
        yield rng.choice(("offer",) * 6 + ("take", "take", "settle", "settle", "expire"))


@pytest.mark.parametrize("evict", [False, True])
def test_whatever_happens_bounds_and_books_hold(evict: bool):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(20):
        rig = Rig(max_spans=60, max_bytes=600, evict=evict, crowded=rng.random() < 0.5)
        flying: list[Chunk] = []
        for now, step in enumerate(steps(rng)):
            if step == "offer":
                agent, form = rng.choice("abc"), rng.choice(("otlp_json", "span_json"))
                rig.offer(rng.randint(1, 9), rng.randint(1, 90), agent, float(now), form)
            elif step == "take" and rig.queue.waiting.oldest() is not None:
                flying += rig.queue.take(100, 0.0)
            elif step == "settle" and flying:
                rig.queue.settle([flying.pop(rng.randrange(len(flying)))], DELIVERED, 0.0)
            elif step == "expire":
                rig.queue.expire(now - 100.0)
            rig.check()
        rig.queue.empty(DROPPED_SHUTDOWN)
        for chunk in flying:
            rig.queue.settle([chunk], DELIVERED, 0.0)
        rig.check()
        assert (rig.owed, rig.queue.held_spans) == (0, 0)


def test_what_it_holds_shows():
    rig = Rig(max_bytes=64 << 20)
    rig.offer(3, 2048)
    assert repr(rig.queue) == "<Queue up <Lanes 1 chunks> 3 spans 2 KiB of 64 MiB>"
