from inspan_collector.live.history import COLUMNS, History


def samples(number: int) -> dict[str, list[int]]:
    return {"up": [number * 10 + column for column in range(len(COLUMNS))]}


def test_samples_come_out_in_the_order_in_which_they_went_in() -> None:
    history = History(["up"], depth=5)
    assert history.shown() == {"at": [], "destinations": {"up": {column: [] for column in COLUMNS}}}
    for number in (1, 2, 3):
        history.add(100.0 + number, samples(number))
    shown = history.shown()
    assert shown["at"] == [101.0, 102.0, 103.0]
    assert shown["destinations"]["up"]["queued"] == [10, 20, 30]
    assert shown["destinations"]["up"]["dropped"] == [15, 25, 35]


def test_the_oldest_sample_makes_room_and_the_ring_never_grows() -> None:
    history = History(["up"], depth=5)
    for number in range(1, 13):
        history.add(float(number), samples(number))
        assert len(history) == min(number, 5)
        assert history.shown()["at"] == [float(n) for n in range(max(1, number - 4), number + 1)]
    assert history.shown()["destinations"]["up"]["queued"] == [80, 90, 100, 110, 120]
    assert len(history.at) == 5


def test_totals_as_large_as_the_books_hold_are_kept() -> None:
    history = History(["up"], depth=2)
    history.add(1.0, {"up": [2**62] * len(COLUMNS)})
    assert history.shown()["destinations"]["up"]["delivered"] == [2**62]
