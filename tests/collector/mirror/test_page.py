import random
import sys
from collections import deque
from pathlib import Path
from types import FrameType
from typing import Any

from tests.collector.mirror.victim import build, expected, found, steps_of, take_step

from inspan_collector.batch import Limits
from inspan_collector.chunk import Custody
from inspan_collector.ledger import ENQUEUED, QUEUED, Ledger
from inspan_collector.mirror import Mirror, Page
from inspan_collector.mirror import page as page_module
from inspan_collector.mirror.former import Former, read
from inspan_collector.queue.lanes import Lanes
from inspan_collector.queue.queue import Queue


def left(path: Path) -> Former:
    """What a kill would leave now."""
    former, why = read(path)
    assert former is not None, why
    return former


def begun(path: Path, ring: int) -> tuple[Ledger, Page]:
    mirror, _ = Mirror.open(path, ["up"], [], ring=ring)
    ledger = Ledger("up")
    page = mirror.ledger(ledger)
    mirror.begin()
    return ledger, page


def test_what_is_not_published_is_seen_by_nobody(tmp_path: Path) -> None:
    ledger, page = begun(tmp_path / "m", 4)
    ledger.move(ENQUEUED, QUEUED, 5)
    page.settled(7, 2)
    assert left(tmp_path / "m").held("up") == 0 and left(tmp_path / "m").rows == {"up": []}
    ledger.publish()
    assert left(tmp_path / "m").held("up") == 5 and left(tmp_path / "m").rows == {"up": [(7, 2, False)]}
    page.forget(1)
    assert left(tmp_path / "m").rows == {"up": [(7, 2, False)]}
    page.publish()
    assert left(tmp_path / "m").rows == {"up": []}


def test_between_any_two_instructions_the_file_holds_one_step_and_no_part_of_the_next(tmp_path: Path) -> None:
    path = tmp_path / "m"
    ledger, page, reception = build(path, ring=41)  # one more than is ever waiting to be forgotten
    step, looked = 0, 0

    def look(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal looked
        frame.f_trace_opcodes = True
        if frame.f_code.co_filename not in (page_module.__file__,):
            return None
        if event in ("opcode", "return"):
            former = left(path)
            looked += 1
            assert former.sound
            assert found(former) in (expected(step - 1), expected(step))
            assert step - 1 <= steps_of(former) <= step
        return look

    for step in range(1, 90):  # twice round the ring
        sys.settrace(look)
        try:
            take_step(step, ledger, page, reception)
        finally:
            sys.settrace(None)
        assert found(left(path)) == expected(step)
    assert looked > 5000


def test_a_full_ring_counts_what_it_has_no_room_for_and_keeps_what_it_has(tmp_path: Path) -> None:
    _, page = begun(tmp_path / "m", 3)
    for seq in range(1, 6):
        page.settled(seq, 1)
    assert page.overflowed == 2
    page.publish()
    assert left(tmp_path / "m").rows["up"] == [(1, 1, False), (2, 1, False), (3, 1, False)]
    page.forget(4)  # the three, and one that was not there
    page.settled(6, 1)
    assert page.overflowed == 3  # what is forgotten and not published is in the file still
    page.publish()
    page.settled(7, 1)
    page.publish()
    assert left(tmp_path / "m").rows["up"] == [(7, 1, False)] and page.overflowed == 3
    page.forget(2)  # 5 and 6, which were not there either
    page.publish()
    assert left(tmp_path / "m").rows["up"] == [(7, 1, False)]
    page.forget(1)
    page.publish()
    assert left(tmp_path / "m").rows["up"] == []


def test_forgetting_more_than_there_is_forgets_what_there_is(tmp_path: Path) -> None:
    _, page = begun(tmp_path / "m", 3)
    page.settled(1, 1)
    page.forget(5)
    page.settled(2, 9, again=True)
    page.publish()
    assert left(tmp_path / "m").rows["up"] == [(2, 9, True)]


def test_whatever_is_settled_and_forgotten_the_ring_is_a_list(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for life in range(40):
        size = rng.randrange(1, 9)
        path = tmp_path / str(life)
        _, page = begun(path, size)
        settled: deque[bool] = deque()  # of what is not forgotten: whether there was room
        entered: list[tuple[int, int, bool]] = []
        gone = published = lost = 0
        shown: list[tuple[int, int, bool]] = []
        for seq in range(300):
            row = (seq << 40 | life, rng.randrange(1 << 40), rng.random() < 0.5)
            page.settled(*row)
            # Room begins where the file does, whatever has been forgotten since it was published.
            settled.append(len(entered) - published < size)
            entered += [row] * settled[-1]
            lost += not settled[-1]
            if rng.random() < 0.4:
                count = rng.randrange(len(settled) + 1)
                page.forget(count)
                gone += sum(settled.popleft() for _ in range(count))
            if rng.random() < 0.5:
                page.publish()
                published, shown = gone, entered[gone:]
            assert left(path).rows["up"] == shown
            assert page.overflowed == lost


def test_its_repr_says_how_full_it_is(tmp_path: Path) -> None:
    _, page = begun(tmp_path / "m", 1)
    page.settled(1, 1)
    page.settled(2, 1)
    assert repr(page) == "<Page 1 rows of 1, 1 overflowed>"


def test_what_was_taken_to_be_sent_is_in_flight_in_the_books_before_it_is_sent(tmp_path: Path) -> None:
    ledger, _ = begun(tmp_path / "m", 4)
    limits = Limits(10, 100, 0.0)
    queue = Queue(ledger, Lanes(limits), limits, max_spans=10, max_bytes=100, evict=False, crowded=lambda: False)
    chunk = Custody(4, lambda _: None).chunk("otlp_protobuf", bytes(4), 3, agent="a", arrived=0.0)
    assert queue.offer(chunk, []) is None
    assert queue.take(100, 0.0) == [chunk]
    books = left(tmp_path / "m").books["up"]
    assert (books["queued"], books["in_flight"]) == (0, 3)
