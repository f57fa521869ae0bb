"""An upstream that is down longer than memory lasts: the disk takes over, and gives back without being in the way."""

import statistics
import time
from pathlib import Path
from typing import Any, Final

from tests.e2e.process import get
from tests.e2e.sink_process import SinkProcess
from tests.faults.lives import Lives
from tests.faults.posts import Poster
from tests.faults.rig import LONG, Agents, Watch, behave, config, missing
from tests.faults.test_overload import BESIDE, high_water
from tests.sidecar import Sidecar

BUDGET: Final = 24 << 20  # bytes, memory.max_bytes
ROOM: Final = (1024 if LONG else 64) << 20  # bytes, spool.max_bytes: more than memory has, and full in a short run
SPAN: Final = 10_000  # bytes
POSTS: Final = 200  # posts a second, of 10 spans on average: 20 MB/s
NEARLY: Final = 0.9  # of the spool's room: what is refused before that is refused too early
ANSWER: Final = 0.04  # s; the backlog has one slot of two, and sends 25 MB/s, so that it takes some seconds
FRESH: Final = 0.05  # s between fresh spans while it drains
PATIENT: Final = 120.0 if LONG else 30.0  # s until the spool is full, and until it is empty

FILL: Final = "inspan_spool_bytes"
REFUSED: Final = "inspan_spans_refused_total"


def sections(sink: SinkProcess, spool: Path, **more: Any) -> dict[str, Any]:
    up = {"name": "up", "kind": "otlp", "url": sink.url + "/v1/traces", "concurrency": 2, "compression": "none"}
    up |= {"batch": {"max_bytes": 1 << 20, "linger": "10ms"}, "retry": {"initial": "20ms", "max": "100ms"}}
    return config(up, memory={"max_bytes": BUDGET}, spool={"path": str(spool), "max_bytes": ROOM, **more})


def latencies(sidecar: Sidecar, watch: Watch, sink: SinkProcess, poster: Poster) -> list[float]:
    """Seconds from a post to the upstream, of spans that are posted one by one as long as there is a backlog."""
    found = []
    while watch.look()['inspan_spool_spans{destination="up"}'] > 0:
        numbers, body = poster.body(1)
        posted = time.monotonic()
        assert poster.send(sidecar, numbers, body)[0] == 200
        mark = b"%016x" % (poster.number << 40 | numbers[0])
        while mark not in get(sink.url + "/ids"):
            assert time.monotonic() < posted + PATIENT, "a fresh span waits behind the backlog"
            time.sleep(0.01)
        found.append(time.monotonic() - posted)
        time.sleep(FRESH)
    return found


def test_while_the_upstream_is_down_the_disk_takes_what_memory_cannot_and_gives_it_back_beside_fresh_spans(
    tmp_path: Path, seed: int
) -> None:
    with SinkProcess(tmp_path, "--status", "503") as sink:
        lives = Lives(tmp_path, sections(sink, tmp_path / "spool.db", spill_after="1h"))
        with lives.life() as sidecar:
            idle, watch = high_water(sidecar.pid), Watch(sidecar)
            flags = [
                "--connections",
                "8",
                "--rate",
                str(POSTS),
                "--spans",
                "19",
                "--bytes",
                str(SPAN),
                "--kinds",
                "otlp",
            ]
            with Agents(tmp_path, sidecar.socket, seed, *flags, "--retry", "--ranges") as agents:
                early = refused = 0.0
                end = time.monotonic() + PATIENT
                while not refused:
                    metrics = watch.look()
                    refused = sum(value for series, value in metrics.items() if series.startswith(REFUSED))
                    early = refused if metrics[FILL] < NEARLY * ROOM else early
                    assert time.monotonic() < end, metrics
                    time.sleep(0.02)
                full = watch.look()
                assert early == 0, "spans were refused while the spool had room"
                watch.during(0.5)  # full of both
                agents.enough()
                counted = agents.count()
            peak = high_water(sidecar.pid)
            behave(sink, delay=f"{ANSWER * 1000:.0f}ms")
            began = time.monotonic()
            watch.until(lambda metrics: metrics['inspan_gate_state{destination="up",state="open"}'] == 1, 10)
            poster = Poster(seed, 7)
            waited = latencies(sidecar, watch, sink, poster)
            took = time.monotonic() - began
            watch.until_delivered()
            ledger = sidecar.stop()
        count, gone = sink.count(), missing({1: counted}, sink)
        fresh = poster.missing(sink)
    spans = full['inspan_spool_spans{destination="up"}']
    on_disk, most = full[FILL] / 2**20, max(waited)
    print(f"RSS {idle >> 20} MiB idle, {peak >> 20} MiB at most; {spans:.0f} spans, {on_disk:.0f} MiB on disk")
    print(
        f"the backlog took {took:.1f} s; {len(waited)} fresh ones {statistics.median(waited):.3f} s, at most {most:.3f}"
    )
    print(f"agents {counted['posts']}, {ledger['destinations']}")
    assert peak <= idle + 1.25 * BUDGET + BESIDE
    assert full[FILL] > 2 * BUDGET
    assert gone == fresh == set()
    assert count["spans"] == count["unique"] == ledger["destinations"]["up"]["delivered"]
    assert ledger["destinations"]["up"].keys() == {"enqueued", "delivered"}
    assert len(waited) >= 3
    assert most < took / 2


def test_a_gate_that_stays_closed_sends_to_disk_what_memory_could_still_hold(tmp_path: Path, seed: int) -> None:
    with SinkProcess(tmp_path, "--status", "503") as sink:
        lives = Lives(tmp_path, sections(sink, tmp_path / "spool.db", spill_after="1s"))
        poster = Poster(seed)
        with lives.life() as sidecar:
            watch = Watch(sidecar)
            spans = poster.fill(sidecar, posts=50, spans=20)
            assert watch.look()['inspan_spool_spans{destination="up"}'] == 0
            watch.until(lambda metrics: metrics['inspan_queue_spans{destination="up"}'] == 0, 10)
            metrics = watch.look()
            held = metrics['inspan_in_flight_spans{destination="up"}']
            assert metrics['inspan_spool_spans{destination="up"}'] == spans - held
            print(f"of {spans} spans {held:.0f} are in flight, the rest is on disk")
            behave(sink)
            watch.until_delivered()
            ledger = sidecar.stop()
        count = sink.count()
    assert ledger["destinations"]["up"] == {"enqueued": spans, "delivered": spans}
    assert count["spans"] == count["unique"] == spans
