"""Two destinations in front of one spool."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from tests.collector.spool.desk import Desk
from tests.collector.spool.rig import EPOCH, opened, row

from inspan_collector.config.spool import SpoolConfig
from inspan_collector.config.values import decode
from inspan_collector.events import Events
from inspan_collector.row import Row, Trouble, Write
from inspan_collector.spool.share import Share
from inspan_collector.spool.spool import Spool
from inspan_collector.spool.store import Store


def test_a_destination_that_is_down_leaves_the_other_its_part_of_the_spool(tmp_path: Path) -> None:
    async def main() -> None:
        config = msgspec.convert({"path": str(tmp_path / "s.db"), "max_bytes": "1MiB"}, SpoolConfig, dec_hook=decode)
        spool = Spool(config, Events())
        down, well = (Share(name, spool, always=True, wall=lambda at: at) for name in ("down", "well"))
        while down.put([Row(down.number(1), "down", "otlp_protobuf", 1, 1.0, "a", bytes(1000))], {}):
            pass
        assert well.put([Row(well.number(1), "well", "otlp_protobuf", 1, 1.0, "a", bytes(1000))], {})

    asyncio.run(main())


def test_expired_rows_of_a_destination_that_is_gone_do_not_hide_those_of_another(tmp_path: Path) -> None:
    with opened(tmp_path / "s.db") as store:
        store.apply([Write(put=[row(n, to="gone") for n in range(4096)])])
        store.apply([Write(put=[row(5000, to="up")])])
        found = store.expired(1e9)
        assert [each for each in found if each[1] == "up"]


def test_what_a_disk_in_trouble_never_saw_need_not_be_erased(tmp_path: Path) -> None:
    """Each offer in `always` mode leaves an erasure that is owed until the disk is well: 50 MB that no budget knows."""

    def broken(*args: Any, **kwargs: Any) -> Store:
        raise Trouble("io", "broken")

    with Desk(tmp_path / "s.db", open_store=broken) as desk:
        desk.until(lambda: desk.troubles)

        class Outbox:
            number: Callable[[int], int] = staticmethod(lambda count: EPOCH)

            def has_room(self, size: int) -> bool:
                return True

            def write(self, write: Write) -> None:
                desk.scribe.write([write])

        share = Share("sgp", Outbox(), always=True, wall=lambda at: at)
        for number in range(1000):
            share.put([row(number)], {})
            desk.run()
        desk.run()
        desk.until(lambda: not desk.scribe.jobs)
        assert desk.scribe.debts.rows == 0
