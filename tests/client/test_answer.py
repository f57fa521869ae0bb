"""What answers mean."""

import pytest

from inspan.answer import LONGEST_REST, Answer, Later, Refused, Taken, verdict
from inspan.backoff import FIRST, LONGEST, Backoff


def answer(status: int, **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, b"because")


@pytest.mark.parametrize("status", [200, 202, 204])
def test_success_is_custody(status: int) -> None:
    assert isinstance(verdict(answer(status)), Taken)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_is_wrong_with_the_spans_refuses_them(status: int) -> None:
    found = verdict(answer(status))
    assert isinstance(found, Refused)
    assert found.why == f"{status}: because"


@pytest.mark.parametrize("status", [100, 301, 304, 408, 409, 429, 500, 502, 503, 504, 507, 599])
def test_everything_else_keeps_them(status: int) -> None:
    found = verdict(answer(status))
    assert isinstance(found, Later)
    assert not found.unwelcome


@pytest.mark.parametrize("status", [401, 403, 404, 405, 415, 501])
def test_a_sidecar_that_is_not_for_us_keeps_them_and_somebody_is_told(status: int) -> None:
    found = verdict(answer(status))
    assert isinstance(found, Later)
    assert found.unwelcome


@pytest.mark.parametrize(
    ("headers", "rest"),
    [
        ({}, None),
        ({"retry_after": "1"}, 1.0),
        ({"retry_after": "1", "retry_after_ms": "500"}, 0.5),
        ({"retry_after": "60"}, LONGEST_REST),
        ({"retry_after": "inf"}, LONGEST_REST),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry_after_ms": "soon", "retry_after": "2"}, 2.0),
    ],
)
def test_a_rest_is_as_long_as_the_sidecar_asks_within_reason(headers: dict[str, str], rest: float | None) -> None:
    assert verdict(answer(503, **headers)) == Later(rest, "503: because")


def test_rests_double_up_to_a_bound_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(lambda: 1.0)
    rests = [backoff.rest() for _ in range(10)]
    assert rests[:3] == [FIRST, 2 * FIRST, 4 * FIRST]
    assert rests[-1] == LONGEST
    backoff.reset()
    assert backoff.rest() == FIRST


def test_chance_takes_half_of_a_rest_at_most_and_never_what_was_asked() -> None:
    assert Backoff(lambda: 0.0).rest() == FIRST / 2
    assert Backoff(lambda: 0.0).rest(asked=1.0) == 1.0
