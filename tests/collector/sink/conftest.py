import os
import random
from collections.abc import AsyncIterator

import aiohttp
import pytest


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("INSPAN_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"INSPAN_SEED={seed}")
    return random.Random(seed)
