"""Frames of all sizes, of sidecars in every state."""

import random
from typing import Any

import pytest
from tests.collector.cli.top.told import destination, history, moment

from inspan_collector.cli.top.frame import frame
from inspan_collector.cli.top.watch import Watch
from inspan_collector.screen.paint import Paint

LARGE = 9_999_999_999


def drawn(watch: Watch, columns: int = 79, rows: int = 24, *, colours: bool = False) -> list[str]:
    return frame(watch, "127.0.0.1:19464", 1010.0, columns=columns, rows=rows, paint=Paint(on=colours))


def watching(*destinations: dict[str, Any], **more: Any) -> Watch:
    watch = Watch()
    watch.begin(history([]))
    watch.hear(moment(*destinations, at=999.0, **more))
    watch.hear(moment(*destinations, at=1000.0, **more))
    return watch


def test_two_destinations_with_all_of_each_fit_onto_a_terminal_of_80_by_24() -> None:
    lines = drawn(watching(destination("a"), destination("b")))
    assert len(lines) <= 24
    text = "\n".join(lines)
    for words in ("inspan 1.2.3  pod-1", "Nothing is lost", "spans/s", "10 min", "otlp → https://up.example", "events"):
        assert words in text
    assert text.count("  depth") == 2


def test_what_is_most_in_trouble_is_shown_where_not_all_have_room() -> None:
    names = [f"destination-{number}" for number in range(20)]
    found = [destination(name, queue={"spans": number}) for number, name in enumerate(names)]
    found[3]["gate"] = {"state": "paused", "reason": "401", "seconds": 60.0}
    lines = drawn(watching(*found, books={"destination-7": {"dropped_expired": 5}}))
    text = "\n".join(lines[3:])
    assert len(lines) <= 24
    assert text.index("destination-7 ") < text.index("destination-3 ") < text.index("destination-19")
    assert "paused" in text
    assert " more, of which" in text


def test_on_a_large_screen_agents_are_shown_too() -> None:
    agent = {
        "id": "abcdef",
        "service": "shop",
        "pid": 7,
        "state": "lost",
        "silent_seconds": 70,
        "recorded": 9,
        "missing": 2,
    }
    watch = watching(agents={"states": {"lost": 1}, "services": {}, "last": [agent]})
    assert any("shop" in line and "2 lost" in line for line in drawn(watch, 140, 50))
    assert any("agents: 1 lost" in line for line in drawn(watch, 140, 50))


def test_agents_that_the_feed_does_not_name_are_counted_too() -> None:
    last = [{"id": f"{number:08}", "service": "shop", "state": "running"} for number in range(100)]
    watch = watching(agents={"states": {"running": 1024}, "services": {}, "last": last})
    assert any("heard last, 1,016 more" in line for line in drawn(watch, 140, 50))


def test_the_line_of_an_agent_is_whole_at_80_columns() -> None:
    agent = {"id": "abcdefgh", "service": "s" * 30, "state": "completed", "silent_seconds": 59, "recorded": LARGE}
    watch = watching(agents={"states": {"running": 1}, "last": [agent | {"accepted": 9_999_999, "missing": 12}]})
    (line,) = (line for line in drawn(watch, 79, 50) if "abcdefgh" in line)
    assert "9,999,999 of   10,000M taken  12 lost" in line


def test_the_fill_of_the_spool_is_shown_where_there_is_one() -> None:
    assert not any("spool" in line for line in drawn(watching()))
    watch = watching(spool={"bytes": 30 << 20, "limit_bytes": 40 << 20})
    assert any("spool 75% of 40.0 MiB" in line for line in drawn(watch))


def test_what_happens_again_and_again_takes_one_line() -> None:
    refused = {"kind": "quarantined", "destination": "sgp", "message": "refused for good with 422", "spans": 2}
    events = [{"at": 990.0, "kind": "recovered", "destination": "sgp", "message": "delivering again"}]
    events += [refused | {"at": 991.0 + number} for number in range(4)]
    watch = Watch()
    watch.begin(history([]))
    watch.hear(moment(events=events))
    lines = [line for line in drawn(watch) if "sgp: " in line]
    assert len(lines) == 2
    assert "refused for good with 422, 4 times (8 spans)" in lines[0]
    assert "delivering again" in lines[1]


def test_numbers_of_thousands_of_millions_are_cut_nowhere_at_80_columns() -> None:
    queue = {"spans": LARGE, "capacity_spans": LARGE, "oldest_age_seconds": 86400.0}
    lines = drawn(watching(destination(queue=queue), books={"up": {"queued": LARGE, "delivered": LARGE}}))
    assert any(f"{LARGE:,} queued" in line for line in lines)


def test_foreign_words_cannot_speak_to_the_terminal() -> None:
    trick = "\x1b[2J\u202e\n"
    found = destination(trick, kind="otlp", to=trick, gate={"state": "paused", "reason": trick, "seconds": 1.0})
    event = {"at": 1.0, "kind": "x", "destination": trick, "message": trick}
    agent = {"id": trick, "service": trick, "state": "running"}
    agents = {"states": {"running": 1}, "services": {trick: {"dropped": {trick: 1}}}, "last": [agent]}
    watch = watching(found, agents=agents, events=[event], books={trick: {"dropped_crash": 1}})
    watch.leave(1.0, trick)
    assert all(line.isprintable() for line in drawn(watch, 200, 60))


def odd(rng: random.Random) -> dict[str, Any]:
    many = rng.choice([0, 1, 17, 1000, LARGE])
    return destination(
        "n" * rng.choice([1, 8, 90]) + str(rng.randrange(1000)),
        queue={"spans": many, "capacity_spans": rng.choice([0, 1000]), "oldest_age_seconds": rng.choice([None, 1e7])},
        gate={
            "state": rng.choice(["open", "shut", "paused", "new"]),
            "reason": "r" * many,
            "seconds": rng.choice([None, 9e9]),
        }
        if many < LARGE
        else {},
        batches={"sent": many, "spans": many, "bytes": many},
        connections={"open": many, "opened": many},
        quarantine={"spans": rng.choice([0, many]), "evicted": rng.choice([0, many])},
        durations={"delivery": {"p50": rng.choice([None, 0.005]), "p99": rng.choice([None, 60.0])}},
    )


def test_no_frame_is_larger_than_its_terminal(rng: random.Random) -> None:
    for _ in range(80):
        found = [odd(rng) for _ in range(rng.choice([0, 1, 2, 3, 9, 40]))]
        events = [{"at": 1.0, "kind": "dropped", "destination": "d", "message": "m" * 99, "spans": 5}] * rng.randrange(
            9
        )
        books = {each["name"]: {"dropped_crash": LARGE, "queued": LARGE} for each in found if rng.random() < 0.3}
        watch = Watch()
        watch.begin(history([float(at) for at in range(900, 1000)], **{each["name"]: [0] * 100 for each in found}))
        for at in (1000.0, 1001.0):
            watch.hear(moment(*found, at=at, events=events, books=books))
        if rng.random() < 0.3:
            watch.leave(1002.0, "w" * 99)
        columns, rows = rng.randrange(1, 200), rng.randrange(1, 70)
        lines = drawn(watch, columns, rows)
        assert len(lines) <= rows
        assert max(map(len, lines)) <= columns
        drawn(watch, columns, rows, colours=True)


@pytest.mark.parametrize("colours", [True, False])
def test_colours_are_only_where_they_are_wanted(colours: bool) -> None:
    watch = watching(books={"up": {"dropped_crash": 1}})
    assert any("\x1b" in line for line in drawn(watch, colours=colours)) is colours
