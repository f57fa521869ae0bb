"""What becomes of copies that wait behind one whose fate is not known for sure, and of those that replace another."""

import asyncio
import json

from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.upstream import Upserting
from tests.virtual_time import run

from inspan_collector.errors import Later
from inspan_collector.formats import Format
from inspan_collector.receipt import Receipt

END = {"end_timestamp": "2026-01-01T00:00:01Z"}


class Forgetful(Upserting):
    """Writes what it gets; the first answer is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[bool] = []

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        await asyncio.sleep(1.0)
        self.ends += ["end_timestamp" in span for span in json.loads(payload)]
        if len(self.ends) == 1:
            raise Later("the answer was lost")
        return Receipt()


def post(rig: Rig, **more: object) -> None:
    assert rig.post(format="span_json", body=json.dumps([{"id": "a", "trace_id": "t"} | more]).encode())


async def given_up() -> list[bool]:
    upstream = Forgetful()
    rig = Rig(upstream, kind="sgp", url="http://up.example", retry={"max_attempts": 1}, upsert={"hold_open": 0.0})
    post(rig, **END)
    await asyncio.sleep(0.5)
    post(rig)  # a start that was late
    await asyncio.sleep(10.0)
    await rig.drained()
    return upstream.ends


def test_a_start_never_follows_an_end_that_may_have_been_written() -> None:
    ends = run(given_up())
    assert ends == sorted(ends), "an end, then its start"


class Down(Upserting):
    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        raise Later("down")


async def replaced() -> dict[str, int]:
    rig = Rig(Down(), kind="sgp", url="http://up.example", queue={"max_age": 60.0}, upsert={"hold_open": 0.0})
    for number in range(3):  # two probes wait at the closed gate: what comes now stays in the queue
        rig.post(format="span_json", body=json.dumps([{"id": f"other {number}", "trace_id": "t"} | END]).encode())
        await asyncio.sleep(1.0)
    post(rig, n=1)
    await asyncio.sleep(58.0)
    post(rig, n=2)
    await asyncio.sleep(4.0)
    waiting = rig.destination.waiting.spans
    await rig.drained(0.0)
    return {"waiting": waiting} | rig.books()


def test_a_copy_that_takes_the_place_of_another_is_as_old_as_the_place() -> None:
    """Else a span that is told of again and again would never be too old, nor ever the next to go."""
    books = run(replaced())
    assert books == {"waiting": 0, "enqueued": 5, "merged": 1, "dropped_expired": 3, "dropped_shutdown": 1}
