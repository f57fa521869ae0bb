"""What a PATCH may name, within its bytes. And against a model, in random order."""

import os
import random

import pytest

from inspan_collector.receiver.patchable import OVERHEAD, Patchable

SPAN = b"x" * 100
COST = OVERHEAD + len(SPAN)


class Table(Patchable):
    """One that has room for so many spans of 100 bytes."""

    def __init__(self, spans: int) -> None:
        self.told = 0
        super().__init__(self._tell, spans * COST)

    def _tell(self) -> None:
        self.told += 1

    def known(self) -> str:
        return "".join(each for each in "abcdefgh" if self.find(each) is not None)


def test_what_was_kept_last_is_found() -> None:
    table = Table(3)
    table.keep("a", b"1", ended=False)
    table.keep("a", b"22", ended=False)
    assert (table.find("a"), table.find("b")) == (b"22", None)
    assert table.bytes == OVERHEAD + 2
    table.keep("a", b"333", ended=True)
    assert (table.find("a"), table.bytes) == (b"333", OVERHEAD + 3)
    assert (len(table.open), len(table.ended)) == (0, 1)


def test_a_span_that_has_ended_is_not_opened_again_and_can_be_ended_again() -> None:
    table = Table(3)
    table.keep("a", b"end", ended=True)
    table.keep("a", b"start", ended=False)
    assert table.find("a") == b"end"
    table.keep("a", b"other end", ended=True)
    assert table.find("a") == b"other end"


def test_the_oldest_ended_makes_room_first_then_the_oldest_open_which_is_told() -> None:
    table = Table(3)
    for name, ended in (("a", False), ("b", True), ("c", True), ("d", False)):
        table.keep(name, SPAN, ended=ended)
    assert (table.known(), table.told) == ("acd", 0)
    table.keep("e", SPAN, ended=False)
    assert (table.known(), table.told) == ("ade", 0)
    table.keep("a", SPAN, ended=False)  # heard of again
    table.keep("f", SPAN, ended=False)
    assert (table.known(), table.told, table.forgotten) == ("aef", 1, 1)


def test_a_span_that_is_larger_than_all_the_room_is_forgotten_and_drives_out_no_other() -> None:
    table = Table(2)
    table.keep("a", SPAN, ended=False)
    table.keep("b", SPAN * 10, ended=False)
    assert (table.known(), table.bytes, table.told) == ("a", COST, 1)
    table.keep("a", SPAN * 10, ended=True)
    assert (table.known(), table.bytes, table.told) == ("", 0, 1)


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("INSPAN_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"INSPAN_SEED={seed}")
    return random.Random(seed)


def test_its_bytes_are_those_of_what_it_holds_and_never_over_the_limit(rng: random.Random) -> None:
    table = Table(4)
    last: dict[str, bytes] = {}
    for _ in range(5000):
        name, ended = rng.choice("abcdefgh"), rng.random() < 0.5
        span = bytes(rng.randrange(1, 300))
        reopens = name in table.ended and not ended
        table.keep(name, span, ended=ended)
        if not reopens:
            last[name] = span
        held = [*table.open.items(), *table.ended.items()]
        assert table.bytes == sum(len(each) + OVERHEAD for _, each in held) <= table.max_bytes
        assert all(last[each] == kept for each, kept in held)
        assert not table.open.keys() & table.ended.keys()
    assert table.forgotten == table.told > 0
