"""Seeded randomness: a failure prints the seed, and INSPAN_SEED runs it again."""

import os
import random

import pytest


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("INSPAN_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"INSPAN_SEED={seed}")
    return random.Random(seed)
