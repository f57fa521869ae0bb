"""Agents that post twice what the upstream takes: bounded memory, refusals that say when, and never a silent agent."""

from pathlib import Path
from typing import Final

from tests.e2e.sink_process import SinkProcess
from tests.faults.rig import LONG, Agents, Watch, add_up, behave, config, missing
from tests.sidecar import Sidecar

SECONDS: Final = 120.0 if LONG else 5.0
BUDGET: Final = 64 << 20  # bytes, memory.max_bytes
SPAN: Final = 10_000  # bytes: prompts, and large enough to fill the budget in a short run
BATCH: Final = 4 << 20  # bytes
ANSWER: Final = 0.4  # s; one batch at a time is 10 MB/s
POSTS: Final = 240  # posts a second at most, of 10 spans on average: 20 MB/s and more, as agents wait for answers too
BESIDE: Final = 32 << 20  # bytes of RSS beyond the budget: what the allocator keeps, and requests that are being read


def high_water(pid: int) -> int:
    """The largest RSS of the process so far, in bytes: VmHWM of proc(5)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM"))


def test_twice_what_the_upstream_takes_costs_bounded_memory_and_agents_are_told_when_to_return(
    tmp_path: Path, seed: int
) -> None:
    slow = {"batch": {"max_bytes": BATCH, "linger": "10ms"}, "concurrency": 1, "compression": "none"}
    with SinkProcess(tmp_path, "--delay", f"{ANSWER * 1000:.0f}ms") as sink:
        up = {"name": "up", "kind": "otlp", "url": sink.url + "/v1/traces", "retry": {"initial": "20ms"}} | slow
        with Sidecar(config(up, memory={"max_bytes": BUDGET})) as sidecar:
            idle = high_water(sidecar.pid)
            watch = Watch(sidecar)
            flags = [
                "--connections",
                "16",
                "--rate",
                str(POSTS),
                "--spans",
                "19",
                "--bytes",
                str(SPAN),
                "--retry",
                "--ranges",
            ]
            with Agents(tmp_path, sidecar.socket, seed, *flags) as agents:
                watch.during(SECONDS)
                most = watch.look()["inspan_memory_bytes"]
                agents.enough()
                counted = agents.count()
            peak = high_water(sidecar.pid)
            behave(sink)
            watch.until_delivered()
            ledger = sidecar.stop()
        count, gone = sink.count(), missing({1: counted}, sink)
    print(f"RSS {idle >> 20} MiB idle, {peak >> 20} MiB at most, {most / 2**20:.0f} MiB of spans at the end")
    add_up([counted], ledger, count)
    assert gone == set()
    assert peak <= idle + 1.25 * BUDGET + BESIDE
    assert most > BUDGET / 2, "the run did not fill the budget"
    assert counted["hinted"] == counted["posts"]["429"] > 0
    assert counted["posts"].keys() <= {"200", "202", "429"}
    assert counted["slowest"] < 1, "a post waited for its answer"
