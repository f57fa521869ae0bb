"""SIGTERM while the upstream hangs: everything is on disk at once, and the receipt says so, whenever it is read."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from tests.e2e.process import wait_until
from tests.e2e.sink_process import SinkProcess
from tests.faults.lives import Lives
from tests.faults.posts import Poster, on_disk
from tests.faults.rig import Count, Watch, behave, config
from tests.sidecar import Sidecar

AT_ONCE: Final = 2.0  # s from SIGTERM until all is on disk: Kubernetes may grant a sidecar no more
POSTS, EACH = 300, 20  # and the spans of each: some in flight, which the upstream never answers, the rest in memory


class Hung:
    """A sidecar that holds spans, of which its upstream will not say what becomes of them."""

    def __init__(self, folder: Path, sink: SinkProcess, seed: int, deadline: str, spool: dict[str, Any] | None) -> None:
        self.sink = sink
        self.poster = Poster(seed)
        self.receipt = folder / "receipt"
        self.path = folder / "spool.db"
        up = {"name": "up", "kind": "otlp", "url": sink.url + "/v1/traces", "timeout": "30s", "concurrency": 4}
        up["batch"] = {"max_spans": 500, "linger": "10ms"}
        drain = {"deadline": deadline, "termination_message": str(self.receipt)}
        kept = {} if spool is None else {"spool": {"path": str(self.path), **spool}}
        self.lives = Lives(folder, config(up, drain=drain, **kept))

    @contextmanager
    def life(self) -> Iterator[Sidecar]:
        """Inside it holds everything."""
        with self.lives.life() as sidecar:
            self.spans = self.poster.fill(sidecar, POSTS, EACH)
            metrics = Watch(sidecar).look()
            assert metrics['inspan_in_flight_spans{destination="up"}'] > 0
            yield sidecar

    def said(self) -> Count:
        """What the receipt says now; nothing while it is being written."""
        try:
            found: Count = json.loads(self.receipt.read_bytes())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return found

    def check_heir(self) -> None:
        """The next life finds everything, and delivers it once."""
        behave(self.sink)
        with self.lives.life() as sidecar:
            Watch(sidecar).until_delivered()
            ledger = sidecar.stop()
        assert ledger["destinations"]["up"] == {"recovered": self.spans, "delivered": self.spans}
        assert self.poster.missing(self.sink) == set()
        count = self.sink.count()
        assert count["spans"] == count["unique"] == self.spans


def test_within_two_seconds_of_sigterm_everything_is_on_disk_and_a_kill_then_costs_nothing(
    tmp_path: Path, seed: int
) -> None:
    with SinkProcess(tmp_path) as sink:
        hung = Hung(tmp_path, sink, seed, "20s", {"mode": "overflow"})
        behave(sink, hang_every=1)
        with hung.life() as sidecar:
            began = time.monotonic()
            sidecar.signal()
            wait_until(lambda: on_disk(hung.path) == hung.spans, AT_ONCE, lambda: f"{on_disk(hung.path)} on disk")
            print(f"{hung.spans} spans on disk {time.monotonic() - began:.3f} s after SIGTERM")
            listing = [sys.executable, "-m", "inspan_collector", "spool", "ls", "--path", str(hung.path), "--json"]
            said = json.loads(subprocess.run(listing, capture_output=True, check=True, timeout=20).stdout)
            assert said["destinations"]["up"]["spans"] == hung.spans
            assert sidecar.process.poll() is None
        hung.check_heir()


@pytest.mark.parametrize(("lifetime", "at_risk"), [("container", True), ("persistent", False)])
def test_the_receipt_is_renewed_and_ends_as_the_closed_books(
    tmp_path: Path, seed: int, lifetime: str, at_risk: bool
) -> None:
    with SinkProcess(tmp_path) as sink:
        hung = Hung(tmp_path, sink, seed, "1500ms", {"lifetime": lifetime})
        behave(sink, hang_every=1)
        with hung.life() as sidecar:
            began = time.monotonic()
            sidecar.signal()
            written: set[int] = set()
            while sidecar.process.poll() is None:
                if hung.receipt.exists():
                    written.add(hung.receipt.stat().st_mtime_ns)
                time.sleep(0.02)
            took = time.monotonic() - began
            written.add(hung.receipt.stat().st_mtime_ns)  # the last one, of the closed books
            ledger = sidecar.ended()
        print(f"ended after {took:.2f} s, the receipt written {len(written)} times: {ledger}")
        assert 1.4 < took < 3
        assert len(written) >= 3
        assert hung.said() == ledger
        assert ledger["destinations"]["up"] == {"enqueued": hung.spans, "spooled": hung.spans}
        assert ledger["imbalance"] == 0
        assert ledger["spooled"] == hung.spans
        assert ledger["lifetime"] == lifetime
        assert ledger["at_risk"] == (hung.spans if at_risk else 0)
        assert on_disk(hung.path) == hung.spans
        hung.check_heir()


def test_a_second_signal_ends_the_drain_at_once_with_everything_on_disk(tmp_path: Path, seed: int) -> None:
    with SinkProcess(tmp_path) as sink:
        hung = Hung(tmp_path, sink, seed, "20s", {})
        behave(sink, hang_every=1)
        with hung.life() as sidecar:
            sidecar.signal()
            sidecar.wait_for("draining")
            began = time.monotonic()
            sidecar.signal(signal.SIGINT)
            ledger = sidecar.ended()
            took = time.monotonic() - began
        print(f"ended {took:.2f} s after the second signal")
        assert took < AT_ONCE
        assert ledger["destinations"]["up"] == {"enqueued": hung.spans, "spooled": hung.spans}
        assert hung.said() == ledger
        hung.check_heir()


def test_without_a_spool_the_receipt_says_what_a_drain_had_to_drop(tmp_path: Path, seed: int) -> None:
    with SinkProcess(tmp_path) as sink:
        hung = Hung(tmp_path, sink, seed, "1s", None)
        behave(sink, hang_every=1)
        with hung.life() as sidecar:
            ledger = sidecar.stop()
        assert hung.said() == ledger
        assert ledger["destinations"]["up"] == {"enqueued": hung.spans, "dropped_shutdown": hung.spans}
        assert not ledger.keys() & {"spooled", "at_risk", "lifetime"}
