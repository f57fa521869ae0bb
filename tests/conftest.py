import os
import random
import signal

import pytest

# A shell that starts us in the background has us ignore it, and what we start would too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def seed() -> int:
    chosen = int(os.environ.get("INSPAN_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"INSPAN_SEED={chosen}")
    return chosen


@pytest.fixture
def rng(seed: int) -> random.Random:
    return random.Random(seed)
