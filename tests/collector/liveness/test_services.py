"""Foreign names as labels."""

import pytest

from inspan_collector.liveness.services import MAX_SERVICE, MAX_SERVICES, REASONS, REST, Services


def test_every_reason_of_a_service_counts_from_0() -> None:
    assert Services().of("checkout").dropped == dict.fromkeys(REASONS, 0)
    assert len(set(REASONS)) == len(REASONS)


def test_a_service_is_known_again() -> None:
    services = Services()
    assert services.of("a") is services.of("a") is not services.of("b")


@pytest.mark.parametrize(
    ("named", "label"),
    [
        ("checkout", "checkout"),
        ("naïve agent 7", "naïve agent 7"),
        ("a\x00b\nc\x1b[31m\u202ed\ud800", "abc[31md"),
        ("x" * 1000, "x" * MAX_SERVICE),
        ("  a  ", "a"),
        ("", "unknown"),
        (None, "unknown"),
        ("\n\t", "unknown"),
    ],
)
def test_a_label_is_short_and_readable(named: str | None, label: str) -> None:
    assert Services().of(named).service == label


def test_after_64_names_all_new_ones_are_one() -> None:
    services = Services()
    for number in range(MAX_SERVICES):
        assert services.of(f"s{number}").service == f"s{number}"
    assert services.of("late") is services.of("later") and services.of("late").service == REST
    assert services.of("s0").service == "s0"
    assert len(services.known) == MAX_SERVICES + 1
