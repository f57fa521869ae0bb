"""A destination that is a directory, on a disk that fills up, breaks and heals."""

import errno
import json
from pathlib import Path

import pytest
from tests.faults.disk import Disk, needs_shim
from tests.faults.rig import Agents, Watch, config
from tests.scrapes import held
from tests.sidecar import Sidecar

pytestmark = needs_shim


@pytest.mark.parametrize("trouble", ["full", "broken"])
def test_spans_wait_while_the_disk_refuses_and_each_is_in_the_file_once_when_it_heals(
    tmp_path: Path, seed: int, trouble: str
) -> None:
    with Disk(tmp_path) as disk:
        files = {"name": "up", "kind": "file", "path": str(disk.root), "batch": {"linger": "20ms"}}
        soon = {"retry": {"initial": "20ms", "max": "50ms"}}
        with Sidecar(config(files | soon), env=disk.env) as sidecar:
            watch = Watch(sidecar)
            flags = ("--rate", "100", "--spans", "10", "--connections", "2", "--kinds", "json", "--retry")
            with Agents(tmp_path, sidecar.socket, seed, *flags) as agents:
                watch.until(lambda metrics: metrics['inspan_spans_delivered_total{destination="up"}'] > 100, 20)
                if trouble == "full":
                    disk.full()
                else:
                    disk.fail(errno.EIO, writes=True)
                watch.until(lambda metrics: held(metrics) > 300, 20)
                assert sidecar.metrics()['inspan_gate_state{destination="up",state="shut"}'] == 1
                disk.heal()
                watch.during(0.5)
                agents.enough()
                counted = agents.count()
            ledger = sidecar.stop()
        assert disk.counts().failed_writes > 0
        lines = (disk.root / "spans.jsonl").read_text().splitlines()
    print(f"{counted}\n{ledger}\n{len(lines)} lines")
    assert ledger["destinations"]["up"] == {"enqueued": counted["acked"], "delivered": counted["acked"]}
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) == counted["acked"]
