"""What one tap counts and holds, told the time."""

import pytest

from inspan_collector.tap.tap import MAX_WAITING, Room, Sample, Tap, Wish


class Woken:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def sample(size: int = 10, take: int = 1) -> Sample:
    return Sample(0.0, "spans", "span_json", "pid 1", "", 1, take, b"x" * size)


def tap(rate: int = 5, room: Room | None = None) -> Tap:
    return Tap(Wish(rate), room or Room(), 0.0, Woken())


def test_of_one_post_no_more_is_shown_than_a_second_has_room_for() -> None:
    found = tap(rate=5)
    assert found.share(1000, 0.0) == 5
    assert found.passed == 1000


def test_what_passes_between_is_counted_and_the_rate_is_kept_over_time() -> None:
    found = tap(rate=5)
    shown = sum(found.share(1, at / 100) for at in range(1000))  # 100 a second, for ten
    assert found.passed == 1000
    assert 5 * 10 <= shown <= 5 * 10 + 5


def test_after_a_long_silence_no_more_comes_at_once_than_after_a_short_one() -> None:
    found = tap(rate=5)
    assert found.share(100, 3600.0) == 5


def test_a_sample_wakes_the_reader_and_its_bytes_are_held_until_it_was_shown() -> None:
    room = Room(100)
    found = tap(room=room)
    found.hold(sample(60))
    assert isinstance(found.wake, Woken)
    assert found.wake.times == 1
    read = found.read()
    assert read is not None
    assert room.used == 60
    found.let_go(read)
    assert room.used == 0
    assert found.read() is None


def test_where_the_room_is_full_samples_are_missed_and_counted() -> None:
    found = tap(room=Room(100))
    found.hold(sample(60))
    found.hold(sample(60, take=3))
    assert (len(found.waiting), found.missed) == (1, 3)


def test_one_post_is_held_however_large_it_is() -> None:
    found = tap(room=Room(100))
    found.hold(sample(101))
    assert (len(found.waiting), found.missed) == (1, 0)


def test_a_reader_that_does_not_read_has_a_bounded_number_of_posts_waiting() -> None:
    found = tap()
    for _ in range(MAX_WAITING + 7):
        found.hold(sample(1))
    assert (len(found.waiting), found.missed) == (MAX_WAITING, 7)


def test_the_room_is_shared_and_who_leaves_gives_back_what_waited() -> None:
    room = Room(100)
    one, other = tap(room=room), tap(room=room)
    one.hold(sample(60))
    other.hold(sample(60))
    assert other.missed == 1
    one.close()
    assert room.used == 0


@pytest.mark.parametrize(
    ("wish", "wanted"),
    [
        (Wish(1), True),
        (Wish(1, dialect="otlp"), True),
        (Wish(1, dialect="sgp"), False),
        (Wish(1, service="shop"), True),
        (Wish(1, service="bank"), False),
        (Wish(1, dialect="otlp", service="bank"), False),
    ],
)
def test_a_wish_names_a_dialect_a_service_or_neither(wish: Wish, wanted: bool) -> None:
    assert Tap(wish, Room(), 0.0, Woken()).wants("otlp", "shop") is wanted
