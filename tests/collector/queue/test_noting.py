"""What a queue tells its trail, where copies part."""

from tests.collector.queue.rig import UpsertRig

from inspan_collector.ledger import DROPPED_SHUTDOWN
from inspan_collector.queue.noting import Noting
from inspan_collector.trail import Search, Trail


class TracedRig(UpsertRig):
    """With a trail, whose time is what `post` and `take` were told last."""

    def __init__(self, **more: bool) -> None:
        super().__init__(**more)
        self.trail = Trail(1 << 20, 3600.0)
        self.queue.trail = self.waiting.trail = Noting(self.trail, lambda: 0.0)

    def steps(self, name: str) -> list[str]:
        search = Search(list(self.trail.entries), "t", name, 0.0)
        for _ in search.slices():
            pass
        return [" ".join(filter(None, (step.status, step.detail))) for span in search.spans() for step in span.steps]


def test_a_copy_that_follows_what_is_in_flight_is_not_merged_and_one_that_meets_it_there_is() -> None:
    rig = TracedRig()
    rig.post("a.", "b.")
    taken = rig.take(1.0)
    rig.post("a.2")
    assert rig.steps("a") == ["accepted ended", "accepted ended"]
    rig.post("a.3")
    assert rig.steps("a") == ["accepted ended"] * 3 + ["merged"]
    rig.settle(*taken)
    assert rig.steps("a")[-1] == "delivered"
    assert rig.steps("b") == ["accepted ended", "delivered"]


def test_an_open_copy_that_waited_behind_its_end_is_merged_with_it() -> None:
    rig = TracedRig()
    rig.post("a.")
    taken = rig.take(1.0)
    rig.post("a2")
    rig.settle(*taken)
    assert rig.steps("a") == ["accepted ended", "accepted open", "delivered", "merged"]


def test_of_copies_of_one_post_as_many_are_merged_as_were_too_many() -> None:
    rig = TracedRig()
    rig.post("a", "a2", "a.3", "b.", "c")
    assert rig.steps("a") == ["accepted open", "accepted open", "accepted ended", "merged", "merged"]
    assert [rig.steps(name)[1:] for name in "bc"] == [[], []]


def test_a_post_that_is_refused_leaves_no_step() -> None:
    rig = TracedRig()
    rig.queue.max_spans = 1
    assert rig.post("a", "b") == "too_large"
    assert (rig.steps("a"), len(rig.trail.entries)) == ([], 0)


def test_what_makes_room_and_what_is_left_at_the_end_is_dropped_with_the_reason() -> None:
    rig = TracedRig(evict=True)
    rig.queue.max_spans = 2
    rig.post("a.", "b.")
    rig.post("c.")
    assert rig.steps("a") == ["accepted ended", "dropped queue_full"]
    rig.queue.empty(DROPPED_SHUTDOWN)
    assert rig.steps("c") == ["accepted ended", "dropped shutdown"]
