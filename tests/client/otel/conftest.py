from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.client.otel.scripted import Scripted


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    """Where nobody listens yet."""
    return tmp_path / "inspan.sock"


@pytest.fixture
def sidecar(socket: Path) -> Iterator[Scripted]:
    with Scripted(socket) as running:
        yield running
