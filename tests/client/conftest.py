import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from inspan import Client

Kept = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Client]:
    """A client without a sidecar: it keeps what it is given."""
    client = Client(tmp_path / "nobody.sock", max_bytes=1 << 20)
    yield client
    client.close(0)


@pytest.fixture
def kept(alone: Client) -> Kept:
    """Takes out what it keeps, in order."""
    return lambda: [json.loads(piece) for _, piece, _ in alone.life.buffer.take(1 << 30)]
