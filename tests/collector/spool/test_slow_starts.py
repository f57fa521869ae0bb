"""What a disk that takes longer to open than a start waits does to the order of arrival."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import msgspec

from inspan_collector.config.spool import SpoolConfig
from inspan_collector.config.values import decode
from inspan_collector.events import Events
from inspan_collector.row import Row
from inspan_collector.spool.share import Share
from inspan_collector.spool.spool import Spool
from inspan_collector.spool.store import Store


class Reader:
    """Books nothing."""

    def asked(self) -> list[int]:
        return []

    def found(self, *args: Any, **kwargs: Any) -> None: ...

    def lost(self) -> None: ...


async def life(path: Path, body: bytes, now: float) -> None:
    """One span is offered before the disk can be read, is written when it can, and the process ends."""
    opening = threading.Event()

    def slowly(*args: Any, **kwargs: Any) -> Store:
        assert opening.wait(10.0)
        return Store.open(*args, **kwargs)

    config = msgspec.convert({"path": str(path), "mode": "always"}, SpoolConfig, dec_hook=decode)
    spool = Spool(config, Events(wall=lambda: now))
    spool.scribe.disk.open_store = slowly
    share = Share("up", spool, always=True, wall=lambda at: at)
    spool.shares["up"], spool.readers["up"] = share, Reader()
    spool.start()
    seq = share.number(1)
    assert share.put([Row(seq, "up", "otlp_protobuf", 1, 1.0, "a", body)], {})
    await asyncio.sleep(0)
    opening.set()
    await share.written(10.0)
    assert share.is_durable(seq)
    assert await spool.stop(10.0)


def test_what_two_slow_starts_wrote_are_two_rows(tmp_path: Path) -> None:
    for now, body in ((1.8e9, b"first"), (1.8e9 + 10.0, b"second")):
        asyncio.run(life(tmp_path / "spool.db", body, now))
    store = Store.open(tmp_path / "spool.db")
    found = store.page("up", 0, max_spans=10, max_bytes=1000)
    store.close()
    assert [row.body for row in found.rows] == [b"first", b"second"]
