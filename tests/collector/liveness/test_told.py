"""What agents tell, as hostile as it comes."""

import json
from typing import Any

import pytest

from inspan_collector.liveness.told import (
    MAX_REASONS,
    MOST,
    MalformedTelling,
    Report,
    read_registration,
    read_report,
)


def text(**members: Any) -> bytes:
    return json.dumps(members).encode()


def test_a_registration_needs_no_more_than_an_id() -> None:
    told = read_registration(text(registration_id="a"))
    assert (told.service, told.pid, told.reported.recorded, told.reported.accepted, told.reported.dropped) == (
        None, 0, 0, 0, {},
    )  # fmt: skip


def test_members_that_we_do_not_know_are_passed_over() -> None:
    told = read_registration(text(registration_id="a", version="9.9", surprise=[{"x": [1e300]}], service="s", pid=7))
    assert (told.service, told.pid) == ("s", 7)
    assert read_report(text(recorded=1, in_flight=-1.5)) == Report(recorded=1)


@pytest.mark.parametrize("name", ["a", "a b", "~" * 128, "0b1c2d3e-4f50", "a/b?c%20", '"'])
def test_an_id_is_whatever_a_header_can_carry(name: str) -> None:
    assert read_registration(text(registration_id=name)).registration_id == name


@pytest.mark.parametrize("name", ["", " ", " a", "a ", "a\n", "a\r\nx: y", "\x7f", "ä", "a" * 129, "\x00", 7, None, []])
def test_an_id_that_no_header_can_carry_is_refused(name: Any) -> None:
    with pytest.raises(MalformedTelling, match="registration_id"):
        read_registration(text(registration_id=name))


@pytest.mark.parametrize("pid", [-1, 2**31, 1.0, "7", True, None])
def test_a_pid_that_is_none_is_refused(pid: Any) -> None:
    with pytest.raises(MalformedTelling, match="pid"):
        read_registration(text(registration_id="a", pid=pid))


@pytest.mark.parametrize("count", [-1, 1.0, 1e300, MOST + 1, 10**40, "1", True, None, [1]])
@pytest.mark.parametrize("member", ["recorded", "queued", "dropped"])
def test_a_number_that_counts_nothing_is_refused_with_its_place(member: str, count: Any) -> None:
    with pytest.raises(MalformedTelling, match=rf"\$\.{member}"):
        read_report(text(**{member: {"exit": count} if member == "dropped" else count}))


def test_the_largest_number_is_taken() -> None:
    assert read_report(text(recorded=MOST, queued=MOST, dropped={"exit": MOST})).recorded == MOST


@pytest.mark.parametrize("reasons", [{f"r{i}": 1 for i in range(MAX_REASONS + 1)}, {"r" * 65: 1}, [], "exit"])
def test_reasons_are_few_and_short(reasons: Any) -> None:
    with pytest.raises(MalformedTelling, match="dropped"):
        read_report(text(dropped=reasons))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"null", b'"a"', b"\xff", b'{"x":' + b"[" * 16_000,
     b'{"registration_id":"\\ud800"}', b'{"registration_id":"a"} x'],
)  # fmt: skip
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedTelling):
        read_registration(body)
    with pytest.raises(MalformedTelling):
        read_report(body)


def test_an_id_that_is_no_text_is_refused() -> None:
    with pytest.raises(MalformedTelling):
        read_registration(b'{"registration_id":"\xff"}')
