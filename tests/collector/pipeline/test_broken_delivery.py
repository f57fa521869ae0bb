"""A delivery that breaks half way through sorting out what does not parse: the books still hold, and it is gone."""

import asyncio
import json

from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.upstream import Upserting
from tests.virtual_time import run

from inspan_collector.errors import Isolate
from inspan_collector.formats import Format
from inspan_collector.receipt import Receipt

END = {"trace_id": "t", "end_timestamp": "2026-01-01T00:00:01Z"}


class Defective(Upserting):
    """Refuses the bad span; its `faults` has a defect that the second post meets."""

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        if b"bad" in payload:
            raise Isolate(400, "bad span")
        return Receipt()

    def faults(self, format: Format, body: bytes) -> list[tuple[int, str]]:
        if b"defect" in body:
            raise RuntimeError("a defect")
        return format.faults(body)


async def broken() -> tuple[int, int, dict[str, int]]:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    rig = Rig(Defective(), kind="sgp", url="http://up.example")
    rig.post(format="span_json", body=json.dumps([END | {"id": "a"}, END | {"id": "bad", "name": 5}]).encode())
    rig.post(format="span_json", body=json.dumps([END | {"id": "defect"}]).encode())
    await asyncio.sleep(60.0)
    return rig.pipeline.imbalance(), len(rig.pipeline.deliveries), rig.books()


def test_a_delivery_that_breaks_while_it_sorts_out_leaves_no_delivery_and_right_books() -> None:
    imbalance, deliveries, books = run(broken())
    assert (imbalance, deliveries) == (0, 0), f"the drain would never end: {books}"
