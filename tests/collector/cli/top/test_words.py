import re
from typing import Any

import pytest
from tests.collector.cli.top.told import destination, moment

from inspan_collector.cli.top.told import Moment
from inspan_collector.cli.top.watch import Watch
from inspan_collector.cli.top.words import number, verdict
from inspan_collector.screen.paint import DIM, GOOD, WARN


def said(heard: Moment, away: str = "") -> list[str]:
    watch = Watch()
    watch.hear(heard)
    if away:
        watch.leave(1005.0, away)
    return [piece.text for piece in verdict(watch, "127.0.0.1:1", 1010.0)]


def test_the_first_line_says_that_nothing_is_lost() -> None:
    assert said(moment(accepted=1234)) == ["✓ Nothing is lost: of 1,234 spans each is delivered, kept or on its way."]


def test_copies_are_called_so_where_starts_and_ends_come_by_themselves() -> None:
    ledger = {"dialects": {"spans": {"received": 29, "accepted": 29}}, "destinations": {}, "imbalance": 0}
    assert "of 29 copies of spans each" in said(moment(ledger=ledger))[0]


def test_the_first_line_says_what_is_lost_and_why() -> None:
    books = {"a": {"dropped_queue_full": 1200, "dropped_shutdown": 34}, "b": {"delivered": 5}}
    evicted = destination("b", quarantine={"spans": 0, "evicted": 2})
    (line,) = said(moment(destination("a"), evicted, books=books))
    assert line == "✗ 1,236 spans are lost. a: queue_full 1,200, shutdown 34; b: evicted from quarantine 2"


def test_what_agents_dropped_is_lost_too() -> None:
    agents = {"services": {"shop": {"recorded": 9, "dropped": {"buffer_full": 3}}, "bank": {"dropped": {}}}}
    assert said(moment(agents=agents))[1] == "✗ 3 spans were lost by agents, before they came. shop: buffer_full 3"


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (
            destination(gate={"state": "paused", "reason": "401", "seconds": 0.1}),
            "up is paused: 401. The upstream refuses us",
        ),
        (
            destination(gate={"state": "shut", "reason": "503", "seconds": 9.0}),
            "up is shut: 503. The upstream needs time",
        ),
        (destination(queue={"spans": 950}), "up is nearly full"),
        (destination(quarantine={"spans": 4, "evicted": 0}), "4 spans of up are in quarantine: inspan quarantine ls"),
    ],
)
def test_trouble_is_said_behind_it_with_what_to_do(now: dict[str, Any], words: str) -> None:
    first, second = said(moment(now))
    assert "Nothing is lost" in first
    assert words in second


def test_a_gate_that_is_shut_for_a_moment_is_no_news() -> None:
    assert len(said(moment(destination(gate={"state": "shut", "reason": "503", "seconds": 0.5})))) == 1


def test_a_sidecar_that_is_away_is_said_first_and_since_when() -> None:
    first, second = said(moment(), away="Connection refused")
    assert first.startswith("! 127.0.0.1:1 is away since ")
    assert "5s (Connection refused)" in first
    assert re.match(r"At \d\d:\d\d:\d\d: ✓ Nothing is lost", second)


def test_what_was_said_by_one_that_is_away_is_not_green() -> None:
    watch = Watch()
    watch.hear(moment())
    assert verdict(watch, "127.0.0.1:1", 1010.0)[0].code == GOOD
    watch.leave(1005.0, "gone")
    assert [piece.code for piece in verdict(watch, "127.0.0.1:1", 1010.0)] == [WARN, DIM]


def test_gates_of_many_destinations_are_summed_up() -> None:
    shut = {"state": "shut", "reason": "503", "seconds": 9.0}
    found = [destination(f"d{number}", gate=shut if number < 24 else {}) for number in range(50)]
    assert said(moment(*found))[1:] == ["! Of 50 destinations, 24 are shut: see below."]


def test_books_that_differ_and_a_drain_are_said() -> None:
    ledger = {"dialects": {}, "destinations": {}, "imbalance": -3}
    lines = said(moment(ledger=ledger, life={"ready": False, "seconds": 1.0}))
    assert any("differ by -3 spans: a defect" in line for line in lines)
    assert any("draining" in line for line in lines)


@pytest.mark.parametrize(
    ("rate", "shown"), [(0, "0"), (0.25, "0.2"), (9.96, "10.0"), (1234.4, "1,234"), (5e6, "5,000k")]
)
def test_a_rate_has_as_many_digits_as_one_reads(rate: float, shown: str) -> None:
    assert number(rate) == shown
