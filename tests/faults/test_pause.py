"""An upstream that refuses us: everything is kept, over kills and restarts, until it takes us."""

import asyncio
import random
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from tests.collector.pipeline.disk import ModelDisk
from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.rig import config as settings
from tests.collector.pipeline.upstream import Upstream
from tests.e2e.sink_process import SinkProcess
from tests.faults.lives import Lives
from tests.faults.posts import Poster, on_disk
from tests.faults.rig import LONG, Watch, config
from tests.virtual_time import run

from inspan_collector.config.secret import Secret
from inspan_collector.errors import Pause
from inspan_collector.exporters.headers import request_headers
from inspan_collector.gate import PROBE_PAUSED

PAUSED: Final = 'inspan_gate_state{destination="up",state="paused"}'
SPANS: Final = 500


def destination(url: str, secret: Path) -> dict[str, Any]:
    headers = {"x-api-key": f"file:{secret}"}
    up = {"name": "up", "kind": "sgp", "url": url, "headers": headers, "account_id": "A", "concurrency": 2}
    return up | {"batch": {"max_spans": 50, "linger": "10ms"}, "retry": {"initial": "20ms", "max": "100ms"}}


def test_what_waits_for_a_right_key_survives_a_kill_and_a_restart_and_goes_out_when_there_is_one(
    tmp_path: Path, seed: int
) -> None:
    secret, spool = tmp_path / "secret", tmp_path / "spool.db"
    secret.write_text("old\n")
    poster = Poster(seed, kind="json")
    with SinkProcess(tmp_path, "--api-key", "new") as sink:
        sections = {"spool": {"path": str(spool), "mode": "always"}, "drain": {"deadline": "500ms"}}
        lives = Lives(tmp_path, config(destination(sink.url, secret), **sections))
        with lives.life() as sidecar:
            watch = Watch(sidecar)
            poster.fill(sidecar, posts=SPANS // 10, spans=10)
            watch.until(lambda metrics: metrics[PAUSED] == 1, 10)
            watch.until(lambda _: on_disk(spool) == SPANS, 5)
        with lives.life() as sidecar:  # the one before was killed
            Watch(sidecar).until(lambda metrics: metrics[PAUSED] == 1, 10)
            ledger = sidecar.stop()
        assert ledger["destinations"]["up"] == {"recovered": SPANS, "spooled": SPANS}
        with lives.life() as sidecar:  # the one before ended in order
            watch = Watch(sidecar)
            watch.until(lambda metrics: metrics[PAUSED] == 1, 10)
            secret.write_text("new\n")
            if LONG:
                watch.until(lambda metrics: metrics[PAUSED] == 0, PROBE_PAUSED + 5)
                watch.until_delivered()
                assert sidecar.stop()["destinations"]["up"] == {"recovered": SPANS, "delivered": SPANS}
        with lives.life() as sidecar:
            Watch(sidecar).until_delivered()
            sidecar.stop()
        count, gone = sink.count(), poster.missing(sink)
    assert gone == set()
    assert count["spans"] == count["unique"] == SPANS
    assert count["answered"].keys() == {"200", "401"}
    assert lives.sum("up", "delivered") == SPANS


@pytest.mark.parametrize("mode", ["always", "overflow"])
def test_a_key_that_was_renewed_is_tried_at_the_next_probe(tmp_path: Path, seed: int, mode: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("old\n")
    tries: list[float] = []

    def needs_a_key(_: Upstream, found: list[int]) -> None:
        tries.append(asyncio.get_running_loop().time())
        named = msgspec.structs.replace(settings(), headers={"x-api-key": Secret(path=secret)})
        if request_headers(named, "application/x-protobuf")["x-api-key"] != "new":
            raise Pause("401")

    async def main() -> None:
        disk = ModelDisk(random.Random(seed))
        rig = Rig(Upstream(needs_a_key), disk=disk, spool={"mode": mode}, concurrency=1, batch={"linger": 0})
        for _ in range(10):
            assert rig.post(10)
        await asyncio.sleep(10 * PROBE_PAUSED)
        gate = rig.destination.gate
        assert (gate.state, rig.destination.ledger.held()) == ("paused", 100)
        assert len(tries) <= 12  # the first, perhaps a second that was under way, and the probes
        secret.write_text("new\n")
        renewed = asyncio.get_running_loop().time()
        await asyncio.sleep(PROBE_PAUSED + 1)
        assert gate.state == "open"
        assert rig.books() == {"enqueued": 100, "delivered": 100}
        assert next(at for at in tries if at > renewed) <= renewed + PROBE_PAUSED
        await rig.drained()

    run(main())
