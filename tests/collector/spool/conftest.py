from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.collector.spool.rig import opened

from inspan_collector.spool.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with opened(path) as store:
        yield store
