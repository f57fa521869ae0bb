import pytest

from inspan_collector.screen.bars import bar, spark


@pytest.mark.parametrize(
    ("share", "drawn"),
    [
        (0.0, "····"),
        (0.5, "██··"),
        (0.53, "██▏·"),
        (1.0, "████"),
        (7.0, "████"),
        (-1.0, "····"),
        (1e-9, "▏···"),
    ],
)
def test_a_bar_is_as_long_as_its_share_and_a_little_is_seen(share: float, drawn: str) -> None:
    assert bar(share, 4) == drawn


def test_a_course_tells_nothing_from_little_and_from_what_is_not_known() -> None:
    assert spark([None, 0.0, 1e-9, 0.5, 1.0, 2.0]) == "·▁▂▅██"
