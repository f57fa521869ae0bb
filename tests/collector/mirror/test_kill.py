import random
import subprocess
import sys
import time
from pathlib import Path

from tests.collector.mirror import victim
from tests.collector.mirror.victim import EACH, expected, found, steps_of

from inspan_collector.mirror.former import read

LIVES = 32
SAID = 8  # bytes of a report


def kill_one(path: Path, after: float, *how: str) -> int:
    """Let a life run for so many seconds after its first report, kill it, and tell the last step that it reported."""
    with subprocess.Popen([sys.executable, victim.__file__, str(path), *how], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.read(SAID)
        time.sleep(after)
        process.kill()
        said += process.stdout.read()
    assert process.returncode == -9
    return int.from_bytes(said[len(said) // SAID * SAID - SAID :][:SAID], "little")


def test_whenever_it_is_killed_the_books_are_whole_and_no_older_than_the_last_step(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng, ended = random.Random(seed), set()
    for life in range(LIVES):
        reported = kill_one(tmp_path / str(life), rng.random() * 0.02)
        former, why = read(tmp_path / str(life))
        assert former is not None, why
        assert former.sound and not former.clean
        steps = steps_of(former)
        assert reported <= steps <= reported + EACH
        # The dialect's account is published first, so that the destination's may be one step behind, and no more.
        assert found(former) in (expected(steps), expected(steps - 1))
        assert former.held("up") in (victim.spans(steps), victim.spans(steps - 1))
        assert former.books["other"] == dict.fromkeys(former.books["up"], 0)
        ended.add(steps % EACH)
    assert len(ended) > LIVES // 4  # it was killed here and there, and not always while it reported


def test_whenever_it_is_killed_while_it_begins_the_file_is_the_former_or_the_new(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng, half_made = random.Random(seed), 0
    for life in range(LIVES):
        path = tmp_path / str(life)
        reported = kill_one(path, rng.random() * 0.02, "begin")
        former, why = read(path)
        assert former is not None, why
        assert former.sound and former.held("up") in (reported, reported + 1)
        assert former.rows["up"] == [(former.held("up"), 1, False)]
        half_made += path.with_name(f"{life}.new").exists()
    print(f"{half_made} of {LIVES} were killed between the two")
