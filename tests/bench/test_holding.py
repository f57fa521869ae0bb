"""hold_open and linger, from what `inspan check` prints."""

from bench.holding import Holding, read


def test_a_version_that_merges_says_how_long_it_holds() -> None:
    said = {"upsert": {"hold_open": "1500ms"}, "batch": {"linger": "250ms"}}
    assert read(said) == Holding(hold_open=1.5, linger=0.25, merges=True)
    assert read(said).longest == 1.75


def test_a_version_that_does_not_is_measured_by_the_design() -> None:
    assert read({"batch": {"linger": "100ms"}}) == Holding(hold_open=2.0, linger=0.1, merges=False)


def test_one_that_holds_nothing_is_due_at_once() -> None:
    assert read({"upsert": {"hold_open": "0s"}, "batch": {"linger": "0s"}}).longest == 0
