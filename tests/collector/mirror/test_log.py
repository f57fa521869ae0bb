"""A log that survives kill -9 between any two instructions, and says so where a machine went down with it."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inspan_collector.mirror.log import HEAD, Log, Record, read


class Life:
    """Who writes a log: a set of numbers, some of which are so."""

    def __init__(self, path: Path, half: int = 4096, numbers: dict[int, str] | None = None) -> None:
        self.numbers = {} if numbers is None else numbers
        self.log = Log(path, self.records, half)

    def records(self) -> list[Record]:
        return [(0, number, text) for number, text in self.numbers.items()]

    def put(self, number: int, text: str) -> None:
        self.numbers[number] = text
        self.log.write([(0, number, text)])

    def drop(self, number: int) -> None:
        del self.numbers[number]
        self.log.write([(1, number)])


def known(path: Path) -> dict[int, str]:
    records, trouble = read(path)
    assert not trouble
    numbers: dict[int, str] = {}
    for kind, number, *text in records:
        if kind == 0:
            numbers[number] = text[0]
        else:
            numbers.pop(number, None)
    return numbers


def test_what_was_written_is_read_over_many_turns_of_the_halves(tmp_path: Path) -> None:
    seed = int(os.environ.get("INSPAN_SEED", random.randrange(1 << 32)))
    print(f"INSPAN_SEED={seed}")
    chance = random.Random(seed)
    life = Life(tmp_path / "log")
    for number in range(3000):
        life.put(number, "x" * chance.randrange(40))
        while len(life.numbers) > 20:
            life.drop(chance.choice(list(life.numbers)))
        if number % 97 == 0:
            assert known(tmp_path / "log") == life.numbers
    after = Life(tmp_path / "log", numbers=known(tmp_path / "log"))
    assert known(tmp_path / "log") == after.numbers == life.numbers and not life.log.trouble


def test_what_does_not_fit_any_more_is_said_and_what_was_kept_stays(tmp_path: Path) -> None:
    life = Life(tmp_path / "log", half=1000)
    for number in range(9):
        life.put(number, "x" * 80)
    kept = known(tmp_path / "log")
    for number in range(9, 20):
        life.put(number, "x" * 80)
    assert "do not fit" in life.log.trouble and known(tmp_path / "log").items() >= kept.items()


def test_a_log_in_trouble_is_renewed_with_all_that_is_so(tmp_path: Path) -> None:
    life = Life(tmp_path / "away" / "log")
    life.put(1, "a")
    life.log.renew()
    assert "No such file" in life.log.trouble
    (tmp_path / "away").mkdir()
    life.log.renew()
    assert not life.log.trouble and known(life.log.path) == {1: "a"}
    life.put(2, "x" * 4096)  # more than a half has room for
    life.log.renew()
    assert "do not fit" in life.log.trouble and known(life.log.path) == {1: "a"}
    life.drop(2)
    life.log.renew()
    life.put(3, "c")
    assert not life.log.trouble and known(life.log.path) == {1: "a", 3: "c"}


def test_no_file_is_no_trouble_and_one_that_cannot_be_made_is(tmp_path: Path) -> None:
    assert read(tmp_path / "none") == ([], "")
    life = Life(tmp_path / "no" / "log")
    life.put(1, "x")
    assert "No such file" in life.log.trouble


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 9000, bytes(9000)])
def test_a_file_of_something_else_is_told_from_ours(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log").write_bytes(content)
    records, trouble = read(tmp_path / "log")
    assert records == [] and "is no log" in trouble


def test_a_pipe_and_a_directory_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        assert "cannot be read" in read(path)[1]


def test_any_byte_that_a_power_cut_spoilt_costs_what_follows_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "log"
    life = Life(path)
    for number in range(20):
        life.put(number, "text")
    whole, _ = read(path)
    sound = path.read_bytes()
    for at in range(HEAD + 4096, HEAD + 4096 + 400, 7):  # the half in use: the first turn took the second one
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :])
        records, trouble = read(path)
        assert records == whole[: len(records)] and (len(records) == len(whole) or "damaged" in trouble)


def test_kill_9_at_any_moment_leaves_what_was_written_or_what_was_before(tmp_path: Path) -> None:
    path = tmp_path / "log"
    seed = int(os.environ.get("INSPAN_SEED", random.randrange(1 << 32)))
    print(f"INSPAN_SEED={seed}")
    chance = random.Random(seed)
    for _ in range(8):
        victim = subprocess.Popen([sys.executable, __file__, str(path)], stdout=subprocess.PIPE)
        assert victim.stdout is not None
        for _ in range(chance.randrange(2, 9)):
            said = victim.stdout.readline()  # the last number that was written, whole
        victim.send_signal(signal.SIGKILL)
        rest = victim.communicate()[0].splitlines()
        numbers = sorted(known(path))
        last = int([said, *rest][-1])
        # At least what was said, in a row, each with all that belongs to it.
        assert len(numbers) in (10, 11) and numbers == list(range(numbers[0], numbers[-1] + 1))
        assert numbers[-1] >= last


def _be_killed(path: Path) -> None:
    life = Life(path, half=2048)
    number = 0
    while True:
        life.put(number, "x" * (number % 50))
        if number >= 10:
            life.drop(number - 10)
        if number >= 10 and number % 1000 == 0:
            print(number, flush=True)
        number += 1


if __name__ == "__main__":
    _be_killed(Path(sys.argv[1]))
