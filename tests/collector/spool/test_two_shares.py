"""Two destinations in front of one spool."""

import asyncio
from pathlib import Path

import msgspec
from tests.collector.spool.rig import opened, row

from inspan_collector.config.spool import SpoolConfig
from inspan_collector.config.values import decode
from inspan_collector.events import Events
from inspan_collector.row import Row, Write
from inspan_collector.spool.share import Share
from inspan_collector.spool.spool import Spool


def test_a_destination_that_is_down_leaves_the_other_its_part_of_the_spool(tmp_path: Path) -> None:
    async def main() -> None:
        config = msgspec.convert({"path": str(tmp_path / "s.db"), "max_bytes": "1MiB"}, SpoolConfig, dec_hook=decode)
        spool = Spool(config, Events())
        for name in ("down", "well"):
            spool.shares[name] = Share(name, spool, always=True, wall=lambda at: at)
        down, well = spool.shares.values()
        while down.put([Row(down.number(1), "down", "otlp_protobuf", 1, 1.0, "a", bytes(1000))], {}):
            pass
        assert well.put([Row(well.number(1), "well", "otlp_protobuf", 1, 1.0, "a", bytes(1000))], {})

    asyncio.run(main())


def test_expired_rows_of_a_destination_that_is_gone_do_not_hide_those_of_another(tmp_path: Path) -> None:
    with opened(tmp_path / "s.db") as store:
        store.apply([Write(put=[row(n, to="gone") for n in range(4096)])])
        store.apply([Write(put=[row(5000, to="up")])])
        found = store.expired("up", 1e9)
        assert [each for each in found if each[1] == "up"]
