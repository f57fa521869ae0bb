import time

from tests.collector.queue.rig import UpsertRig

from inspan_collector.ledger import QUARANTINED


class Quick(UpsertRig):
    def check(self, *_: object, **__: object) -> None:
        """It looks at everything, and is not what is timed here."""


def test_a_thousand_copies_that_waited_behind_enter_among_many_held_in_no_time():
    rig = Quick(max_spans=100_000, max_bytes=1 << 30, batch=(1000, 1 << 30, 0.25))
    rig.memory.custody_limit = 1 << 40
    letters = [chr(0x4E00 + number) for number in range(1000)]
    rig.post(*letters, at=0.0)
    taken = rig.take(10.0, 1 << 30)
    for letter in letters:
        rig.post(letter, at=10.0)
    for number in range(20_000):
        rig.post(f"u{number}/x", at=10.0001 + number * 1e-6)
    began = time.perf_counter()
    rig.queue.settle(taken, QUARANTINED, 11.0)
    took = time.perf_counter() - began
    assert took < 0.1, f"the loop stood still for {took:.2f} s"


def test_the_oldest_is_the_oldest():
    rig = UpsertRig()
    rig.post("a.", at=0.0)
    taken = rig.take(0.25)
    rig.post("a.2", at=1.0)
    rig.post("b.", at=90.0)
    rig.settle(*taken, fate=QUARANTINED, at=100.0)
    assert rig.waiting.oldest() == 1.0


def test_an_empty_bundle_does_not_stay_for_as_long_as_the_first_is_held():
    rig = Quick(max_spans=1000, hold_open=3600.0)
    rig.post("first")
    for number in range(1000):
        rig.post(f"u{number}/x", at=1.0)
        rig.post(f"u{number}/x.", at=1.0)
        rig.queue.settle(rig.take(9.0), QUARANTINED, 9.0)
    assert rig.waiting.spans == 1
    assert len(rig.waiting.holding) < 100
