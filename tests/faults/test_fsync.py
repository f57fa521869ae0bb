"""A durable ack and the disk beneath it: held, then broken, then healed."""

import errno
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest
from tests.e2e.process import wait_until
from tests.e2e.sink_process import SinkProcess
from tests.faults.disk import Disk, needs_shim
from tests.faults.lives import Lives
from tests.faults.posts import Poster, on_disk
from tests.faults.rig import Watch, behave, config
from tests.sidecar import PATIENCE

pytestmark = needs_shim

ACK_TIMEOUT: Final = 1.0  # s
SOON: Final = 0.3  # s in which an answer that waits for nothing has come, on a machine with other things to do


def sections(sink: SinkProcess, disk: Disk, **spool: Any) -> dict[str, Any]:
    up = {"name": "up", "kind": "otlp", "url": sink.url + "/v1/traces", "batch": {"linger": "10ms", "max_spans": 40}}
    up["retry"] = {"initial": "20ms", "max": "100ms"}
    return config(up, spool={"path": str(disk.root / "spool.db"), "ack_timeout": f"{ACK_TIMEOUT}s", **spool})


def test_nothing_is_acked_durable_while_a_sync_is_held_and_everybody_else_is_served(tmp_path: Path, seed: int) -> None:
    durable, plain = Poster(seed, 1, durable=True), Poster(seed, 2)
    with SinkProcess(tmp_path) as sink, Disk(tmp_path) as disk, ThreadPoolExecutor() as threads:
        lives = Lives(tmp_path, sections(sink, disk), disk.env)
        with lives.life() as sidecar:
            status, headers, _ = durable.post(sidecar, 3)
            assert (status, headers["inspan-custody"]) == (200, "durable")

            disk.hold()
            numbers, body = durable.body(5)
            name = {"inspan_agent": "a", "inspan_sequence": "1"}
            began = time.monotonic()
            waiting = threads.submit(durable.send, sidecar, numbers, body, **name)
            disk.until_held()
            while time.monotonic() < began + ACK_TIMEOUT - SOON:
                asked = time.monotonic()
                assert plain.post(sidecar, 2)[0] == 200
                assert time.monotonic() - asked < SOON
                assert not waiting.done()
            before = sidecar.metrics()['inspan_spans_accepted_total{dialect="otlp"}']
            status, headers, said = waiting.result(PATIENCE)
            waited = time.monotonic() - began
            assert (status, headers["inspan-custody"]) == (503, "accepted"), said
            assert ACK_TIMEOUT <= waited < ACK_TIMEOUT + 2 * SOON
            Watch(sidecar).until_delivered()  # what could not be written is sent all the same
            assert plain.missing(sink) == set()
            assert sink.count()["spans"] == len(plain.ids) + 3 + 5
            assert sidecar.metrics()['inspan_spans_accepted_total{dialect="otlp"}'] == before + 5

            later = threads.submit(durable.post, sidecar, 7)
            time.sleep(SOON)
            assert not later.done()
            disk.release()
            status, headers, _ = later.result(PATIENCE)
            assert (status, headers["inspan-custody"]) == (200, "durable")
            status, headers, _ = durable.send(sidecar, numbers, body, **name)  # its rows have got there meanwhile
            assert (status, headers["inspan-custody"]) == (200, "durable")
            Watch(sidecar).until_delivered()
            ledger = sidecar.stop()
        count = sink.count()
    assert count["spans"] == count["unique"] == ledger["destinations"]["up"]["delivered"] == len(plain.ids) + 3 + 5 + 7


@pytest.mark.parametrize("writes", [False, True], ids=["sync", "all"])
def test_a_disk_that_breaks_and_heals_has_lost_nothing_that_was_acked_durable(
    tmp_path: Path, seed: int, writes: bool
) -> None:
    durable, plain = Poster(seed, 1, durable=True), Poster(seed, 2)
    with SinkProcess(tmp_path, "--status", "503") as sink, Disk(tmp_path) as disk:
        spill = {"threshold": "5%", "spill_after": "100ms"}
        lives = Lives(tmp_path, sections(sink, disk, **spill), disk.env)
        with lives.life() as sidecar:
            watch = Watch(sidecar)
            acked = durable.fill(sidecar, posts=20, spans=10)
            watch.until(lambda metrics: metrics['inspan_spool_spans{destination="up"}'] > acked / 2, 10)
            acked += durable.fill(sidecar, posts=3, spans=10)  # on disk, and in memory as well

            disk.fail(errno.EIO, writes=writes)
            status, _, said = durable.post(sidecar, 10)
            assert (status, b"not_durable" in said or b"on disk" in said) == (503, True), said
            assert plain.post(sidecar, 10)[0] == 200
            assert durable.post(sidecar, 10)[0] == 503
            disk.heal()
            healed = time.monotonic()
            wait_until(lambda: durable.post(sidecar, 10)[0] == 200, PATIENCE, lambda: sidecar.text()[-3000:])
            print(f"durable again after {time.monotonic() - healed:.2f} s")
            acked = len(durable.ids)
            names = [path.name for path in disk.root.iterdir()]
            assert any(name.startswith(("spool.db.aside-", "spool.db.salvaged-")) for name in names), names
            watch.look()
        assert on_disk(disk.root / "spool.db") >= acked
        behave(sink)
        with lives.life() as sidecar:
            Watch(sidecar).until_delivered()
            ledger = sidecar.stop()
        gone = durable.missing(sink)
    print(f"{lives.left} {ledger}")
    assert gone == set()
    assert ledger["destinations"]["up"].keys() <= {"recovered", "delivered", "dropped_crash"}
    assert ledger["imbalance"] == 0


def test_what_was_delivered_and_could_not_be_erased_before_a_kill_is_not_sent_again(tmp_path: Path, seed: int) -> None:
    poster = Poster(seed)
    with SinkProcess(tmp_path, "--status", "503") as sink, Disk(tmp_path) as disk:
        lives = Lives(tmp_path, sections(sink, disk, mode="always"), disk.env)
        with lives.life() as sidecar:
            spans = poster.fill(sidecar, posts=20, spans=10)
            wait_until(lambda: on_disk(disk.root / "spool.db") == spans, PATIENCE, lambda: f"not {spans} on disk")
            disk.hold()
            spans += poster.fill(sidecar, posts=1, spans=10)  # what the writer is busy with while the rest is delivered
            disk.until_held()
            behave(sink)
            Watch(sidecar).until_delivered()
        disk.release()
        assert on_disk(disk.root / "spool.db") == spans
        with lives.life() as sidecar:
            ledger = sidecar.stop()
        count = sink.count()
    print(lives.left)
    assert count["spans"] == count["unique"] == spans
    assert ledger["destinations"]["up"] == {}
    assert on_disk(disk.root / "spool.db") == 0
