"""An SGP upstream that is down and a file, on real sockets and a real disk: the file waits for nobody."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.collector.offenders import Span, encoded, good, key, keys
from tests.collector.rig import Running, raw

from inspan_collector.sink import Sink
from inspan_collector.sink.behaviour import Behaviour

JSON = "application/json"

DOWN = {
    "503": Behaviour(status=503, retry_after="20ms"),
    "429": Behaviour(status=429),
    "401": Behaviour(status=401),
    "400 to everything": Behaviour(status=400),
    "hangs": Behaviour(hang_every=1),
    "resets": Behaviour(reset_every=1),
}


def destinations(sink: Sink, folder: Path) -> list[dict[str, Any]]:
    retry = {"initial": "10ms", "max": "20ms"}
    sgp = {"name": "sgp", "kind": "sgp", "url": sink.url, "headers": {"x-api-key": "k"}, "timeout": "100ms"}
    batch = {"batch": {"linger": "5ms"}, "retry": retry}
    return [sgp | batch, {"name": "file", "kind": "file", "path": str(folder)} | batch]


def upstream(sink: Sink) -> list[Span]:
    return [span for body in sink.bodies for span in json.loads(body)["items"]]


@pytest.mark.parametrize("behaviour", DOWN.values(), ids=DOWN.keys())
async def test_a_file_gets_everything_at_once_while_sgp_is_down_and_sgp_gets_all_of_it_when_it_is_well(
    tmp_path: Path, behaviour: Behaviour
) -> None:
    ended = [good(number) for number in range(300)]
    started = [{name: value for name, value in span.items() if name != "end_timestamp"} for span in ended[::3]]
    folder = tmp_path / "files"
    async with (
        Sink(behaviour, keep=True) as sink,
        Running(tmp_path, *destinations(sink, folder), drain={"deadline": "10s"}) as running,
    ):
        async with running.client() as client:
            for body in (started, ended[:100], ended[100:200], ended[200:]):
                assert (await client.ask(raw(encoded(body), "/v1/spans", content_type=JSON))).status == 202
        await running.until(lambda: running.books("file").get("delivered") == 300)
        written = [json.loads(line) for line in (folder / "spans.jsonl").read_bytes().splitlines()]
        assert keys(written) == keys(ended)
        assert running.books("file") == {"enqueued": 300, "delivered": 300}
        books = running.books("sgp")
        assert "delivered" not in books
        assert books["enqueued"] == sum(books.values()) - books["enqueued"] == 400
        assert sink.count().spans == 0
        await running.until(lambda: {"gate_shut", "paused"} & set(running.events()) != set())
        sink.behave(Behaviour())
        ledger = await running.drained()
        assert set(map(key, upstream(sink))) == set(map(key, ended))
        assert sink.count().rows == 300
        books = ledger["destinations"]["sgp"]
        assert books.pop("enqueued") == sum(books.values()) == 400
        assert books.keys() <= {"delivered", "merged"}
        assert ledger["destinations"]["file"] == {"enqueued": 300, "delivered": 300}
        assert ledger["dialects"]["spans"] == {"received": 400, "accepted": 400, "refused": {}}
        assert ledger["imbalance"] == 0


async def test_an_upstream_that_comes_back_while_all_goes_on_gets_all_of_it_without_a_drain(tmp_path: Path) -> None:
    spans = [good(number) for number in range(200)]
    folder = tmp_path / "files"
    async with (
        Sink(DOWN["503"], keep=True) as sink,
        Running(tmp_path, *destinations(sink, folder)) as running,
        running.client() as client,
    ):
        for at in range(0, 200, 10):
            body = encoded(spans[at : at + 10])
            assert (await client.ask(raw(body, "/v1/spans", content_type=JSON))).status == 202
            if at == 100:
                await running.until(lambda: running.books("file").get("delivered") == 110)
                assert sink.count().spans == 0
                sink.behave(Behaviour())
        await running.until(lambda: running.books("sgp").get("delivered") == 200)
        await running.until(lambda: running.books("file").get("delivered") == 200)
        assert keys(upstream(sink)) == keys(spans)
        assert running.service.view.imbalance() == 0


async def test_offenders_of_sgp_are_written_to_the_file_like_any_other(tmp_path: Path) -> None:
    spans = [good(number) for number in range(50)]
    spans[20] |= {"id": "bad\0"}
    folder = tmp_path / "files"
    async with Sink(keep=True) as sink, Running(tmp_path, *destinations(sink, folder)) as running:
        await running.post(encoded(spans), "/v1/spans", content_type=JSON)
        await running.until(lambda: running.books("sgp").get("quarantined") == 1)
        await running.until(lambda: running.books("file").get("delivered") == 50)
        await running.until(lambda: running.books("sgp").get("delivered") == 49)
        written = [json.loads(line) for line in (folder / "spans.jsonl").read_bytes().splitlines()]
        assert keys(written) == keys(spans)
        assert keys(upstream(sink)) == keys(spans[:20] + spans[21:])
