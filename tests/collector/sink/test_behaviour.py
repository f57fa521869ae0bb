from collections import Counter

import msgspec
import pytest

from inspan_collector.sink import Behaviour
from inspan_collector.sink.behaviour import delays
from inspan_collector.sink.chances import WORDS
from inspan_collector.sink.mischief import Deed, Mischief


def test_the_defaults_do_no_harm():
    mischief = Mischief(Behaviour())
    assert {mischief.next().deed for _ in range(100)} == {Deed.HONEST}
    assert (mischief.delay(), mischief.idle, mischief.rejects([b"any"])) == (0.0, None, False)


def test_where_two_deeds_fall_on_one_request_the_worse_one_is_done():
    mischief = Mischief(Behaviour(hang_every=8, reset_every=4, garbage_every=2, status=503))
    deeds = [mischief.next().deed for _ in range(8)]
    assert deeds[3] is Deed.RESET and deeds[7] is Deed.HANG
    assert deeds[1] is deeds[5] is Deed.GARBAGE
    assert deeds[0] is deeds[2] is Deed.STATUS


def test_delays_keep_their_bounds_and_a_seed_repeats_them():
    runs = [[Mischief(Behaviour(delay="10ms-80ms", seed=seed)).delay() for seed in range(50)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert all(0.01 <= delay <= 0.08 for delay in runs[0])
    assert len(set(runs[0])) > 40


def test_chances_come_out_as_often_as_they_say_and_a_seed_repeats_them():
    wish = Behaviour(chance="503=0.2,swallow=0.1", seed=4)
    runs = [[mischief.next() for _ in range(2000)] for mischief in (Mischief(wish), Mischief(wish))]
    assert runs[0] == runs[1]
    counts = Counter(met.deed for met in runs[0])
    assert 300 < counts[Deed.STATUS] < 500 and 130 < counts[Deed.SWALLOW] < 270  # 5 standard deviations
    assert {met.status for met in runs[0] if met.deed is Deed.STATUS} == {503}
    assert counts.keys() == {Deed.STATUS, Deed.SWALLOW, Deed.HONEST}


def test_a_delay_does_not_change_what_happens_by_chance():
    plain, slow = (Mischief(Behaviour(chance="503=0.5", delay=delay)) for delay in (None, "1ms-9ms"))
    assert [plain.next() for _ in range(50)] == [(slow.delay(), slow.next())[1] for _ in range(50)]


def test_every_word_is_a_deed():
    assert {word.upper() for word in WORDS} <= set(Deed.__members__)


def test_a_delay_is_one_time_or_two():
    assert (delays(None), delays("50ms"), delays("10ms-1s")) == (None, (0.05, 0.05), (0.01, 1.0))


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"every": 3}, "every"),
        ({"status": 503, "every": 0}, "every"),
        ({"status": 200}, "status"),
        ({"reject_status": 99}, "reject_status"),
        ({"hang_every": -1}, "hang_every"),
        ({"partial": 0}, "partial"),
        ({"max_bytes": 0}, "max_bytes"),
        ({"delay": "80ms-10ms"}, "delay"),
        ({"delay": "-"}, "delay"),
        ({"close_idle": "soon"}, "close_idle"),
        ({"reject_span": "("}, "reject_span"),
        ({"retry_after": "a\r\nb"}, "retry_after"),
        ({"chance": "503"}, "chance"),
        ({"chance": "200=0.5"}, "chance"),
        ({"chance": "sulk=0.5"}, "chance"),
        ({"chance": "503=0.6,reset=0.6"}, "chance"),
        ({"chance": "503=-1"}, "chance"),
    ],
)
def test_a_wish_that_cannot_be_acted_on_is_refused_by_its_name(wish, field):
    with pytest.raises(ValueError, match=f"^{field}:"):
        Behaviour(**wish)
    with pytest.raises(msgspec.ValidationError, match=f"^{field}:"):
        msgspec.convert(wish, Behaviour)
