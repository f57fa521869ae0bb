"""A short look at what `make fuzz` looks at for longer."""

import asyncio
import random
from pathlib import Path
from typing import Final

from tests.faults.fuzz_formats import check_formats
from tests.faults.fuzz_receiver import check_receiver

BODIES: Final = 32_000
CONNECTIONS: Final = 18_000  # each three times as dear
GROWTH: Final = 64 << 20  # bytes of RSS that the second half of a run may add to what the first has: nothing is kept


def rss() -> int:
    """Of this process, in bytes."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmRSS"))


def test_the_verbs_of_every_format_agree_on_whatever_comes(rng: random.Random) -> None:
    check_formats(rng, BODIES // 2)
    before = rss()
    accepted = check_formats(rng, BODIES // 2)
    print(f"accepted {accepted}, {(rss() - before) >> 20} MiB more")
    assert min(accepted.values()) > BODIES / 50, "hardly anything was sound: the rest was not looked at"
    assert rss() - before < GROWTH


def test_whatever_a_client_sends_it_gets_an_answer_or_the_end_and_nothing_is_kept(
    tmp_path: Path, rng: random.Random
) -> None:
    asyncio.run(check_receiver(tmp_path, rng, CONNECTIONS // 2))
    before = rss()
    answers = asyncio.run(check_receiver(tmp_path, rng, CONNECTIONS // 2))
    print(f"answers {dict(sorted(answers.items()))}, {(rss() - before) >> 20} MiB more")
    assert {200, 202, 400, 413, 415} <= answers.keys()
    assert rss() - before < GROWTH
