"""Which spans are open, whose they are, and what is remembered of them when the sidecar is not there any more."""

import os
import random
from collections.abc import Sequence
from typing import Any

import msgspec

from inspan_collector.queue.openings import MAX_TEXT, End, Openings, Record

END = End("2026-05-05T10:00:00+00:00", "the agent fell silent")


class Paper:
    """A log that keeps everything."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, records: Sequence[Record]) -> None:
        self.records += [tuple(msgspec.msgpack.decode(msgspec.msgpack.encode(record))) for record in records]


def keys(*names: str) -> list[str]:
    return [f"t\0{name}" for name in names]


def begin(openings: Openings, author: str, *names: str) -> None:
    openings.watch(author, keys(*names), 0.0)


def end(openings: Openings, *names: str) -> None:
    openings.ended(set(keys(*names)))


def patches(openings: Openings, busy: Sequence[str] = (), most: int = 100) -> list[dict[str, Any]]:
    taken = openings.take(dict.fromkeys(f"t\0{name}" for name in busy), most)
    return [msgspec.json.decode(body) for body in taken.values()]


def names(openings: Openings) -> list[str]:
    return [str(key).split("\0")[1] for key in openings.open]


def test_a_span_is_open_until_anybody_ends_it() -> None:
    openings = Openings()
    begin(openings, "a", "x", "y")
    assert names(openings) == ["x", "y"] and openings.authors == {"a": 2}
    end(openings, "x")
    assert names(openings) == ["y"]
    end(openings, "y")
    assert names(openings) == [] and openings.authors == openings.heard == {}


def test_a_span_is_of_the_agent_that_posted_it_last() -> None:
    openings = Openings()
    begin(openings, "a", "x", "y")
    openings.orphan("a", END)
    begin(openings, "b", "x")
    assert list(openings.due) == ["t\0y"] and openings.authors == {"a": 1, "b": 1}
    openings.reclaim("a")
    assert openings.orphan("b", END) == 1


def test_the_spans_of_an_agent_that_is_gone_are_ended_and_keep_all_but_their_end() -> None:
    openings = Openings()
    begin(openings, "a", "x", "y")
    begin(openings, "b", "z")
    assert openings.orphan("a", END) == 2
    assert patches(openings, busy=["y"]) == [
        {
            "id": "x",
            "trace_id": "t",
            "end_timestamp": END.seen,
            "status": "ERROR",
            "output": {"error": "interrupted", "message": END.words},
        }
    ]
    assert [patch["id"] for patch in patches(openings)] == ["y"] and patches(openings) == []
    assert names(openings) == ["x", "y", "z"]  # until the ends are through
    openings.close(["t\0x", "t\0y"])
    assert names(openings) == ["z"]


def test_a_start_that_is_sent_after_its_agent_was_given_up_is_ended_too() -> None:
    openings = Openings()
    assert openings.orphan("a", END) == 0
    begin(openings, "a", "x")
    assert [patch["id"] for patch in patches(openings)] == ["x"]
    openings.reclaim("a")
    begin(openings, "a", "y")
    assert patches(openings) == []


def test_an_agent_that_is_back_and_an_end_that_comes_win() -> None:
    openings = Openings()
    begin(openings, "a", "x", "y")
    openings.orphan("a", END)
    end(openings, "x")
    assert list(openings.due) == ["t\0y"]
    openings.reclaim("a")
    assert patches(openings) == [] and names(openings) == ["y"]


def test_the_oldest_make_room_and_that_is_counted() -> None:
    openings = Openings(limit=3)
    begin(openings, "a", *"vwxyz")
    assert names(openings) == ["x", "y", "z"] and openings.unwatched == 2
    openings.orphan("a", END)
    begin(openings, "b", "u")
    assert names(openings) == ["y", "z", "u"] and list(openings.due) == ["t\0y", "t\0z"]
    assert openings.unwatched == 3 and openings.authors == {"a": 2, "b": 1}


def test_a_key_too_long_to_be_kept_is_counted() -> None:
    openings = Openings()
    begin(openings, "a", "x" * MAX_TEXT)
    assert not openings.open and openings.unwatched == 1


def test_an_id_with_a_nul_in_it_is_a_key_like_any_other() -> None:
    openings, paper = Openings(), Paper()
    openings.log = paper
    openings.watch("a", [("t", "x\0y")], 0.0)
    after = Openings()
    after.inherit(paper.records)
    after.orphan("a", END)
    assert [(patch["id"], patch["trace_id"]) for patch in patches(after)] == [("x\0y", "t")]
    after.ended([("t", "x\0y")])
    assert not after.open


def test_the_next_life_knows_what_is_open_and_who_was_heard_when() -> None:
    seed = int(os.environ.get("INSPAN_SEED", random.randrange(1 << 32)))
    print(f"INSPAN_SEED={seed}")
    chance = random.Random(seed)
    openings, paper = Openings(limit=5), Paper()
    openings.log, openings.wall = paper, lambda at: at + 1000.0
    for step in range(2000):
        name, author = str(chance.randrange(60)), chance.choice("abc")
        match chance.randrange(6):
            case 0 | 1 | 2:
                openings.watch(author, [f"{step % 200}\0{name}"], float(step))
            case 3 if openings.open:
                key = chance.choice(list(openings.open))
                openings.close([key])
            case 4:
                openings.seen({author: 1000.0 + step})
            case 5:
                openings.orphan(author, END)
                taken = openings.take({}, 3)
                openings.close(list(taken))
        for records in (paper.records, openings.records()) if step % 50 == 0 else ():
            after = Openings()
            after.inherit(records)
            assert after.open == openings.open and after.heard == openings.heard and after.authors == openings.authors
    assert openings.unwatched
    assert sum(openings.authors.values()) == len(openings.open)
