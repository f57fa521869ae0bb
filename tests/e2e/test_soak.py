"""Four real agents, a real sidecar and an upstream in a bad mood, for some seconds: the books hold at every look."""

import contextlib
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.process import Process
from tests.e2e.sink_process import SinkProcess
from tests.scrapes import check_scrape
from tests.sidecar import Sidecar

HERE = Path(__file__).parent
SECONDS = 6.0
BETWEEN_SCRAPES = 0.1  # s; a person who watches, not a test of the admin address


def config(url: str) -> dict[str, Any]:
    """Two destinations at one upstream, with queues that fill and attempts that time out within the run."""
    soon = {
        "queue": {"max_spans": 1200},
        "batch": {"max_spans": 300, "linger": "50ms"},
        "retry": {"initial": "50ms", "max": "400ms"},
        "timeout": "1500ms",
        "concurrency": 4,
    }
    return {
        "destinations": [
            {"name": "traces", "kind": "otlp", "url": url + "/v1/traces", **soon},
            {"name": "sgp", "kind": "sgp", "url": url, "headers": {"x-api-key": "K"}, "account_id": "A", **soon},
        ]
    }


@contextlib.contextmanager
def agents(folder: Path, socket: Path, seed: int) -> Iterator[list[Process]]:
    with contextlib.ExitStack() as stack:
        running = []
        for number, program in enumerate(("otel_agent", "otel_agent", "json_agent", "json_agent")):
            argv = [sys.executable, str(HERE / f"{program}.py"), "--socket", str(socket)]
            argv += ["--seconds", str(SECONDS), "--seed", str(seed + number)]
            running.append(stack.enter_context(Process(argv, folder / f"agent-{number}.log")))
        yield running


def taken(agent: Process) -> int:
    assert agent.wait(30) == 0, agent.said()
    return int(json.loads(agent.said().splitlines()[-1])["taken"])


def test_agents_sidecar_and_a_misbehaving_upstream_agree_on_every_span(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    moods = ["--status", "503", "--every", str(rng.randint(4, 6)), "--reset", str(rng.choice((7, 11, 13)))]
    moods += ["--hang", str(rng.randint(25, 45)), "--delay", "0ms-40ms", "--api-key", "K", "--seed", str(seed)]
    scrapes = 0
    with SinkProcess(tmp_path, *moods) as sink, Sidecar(config(sink.url)) as sidecar:
        with agents(tmp_path, sidecar.socket, seed) as running:
            while any(agent.popen.poll() is None for agent in running):
                check_scrape(sidecar.metrics())
                scrapes += 1
                time.sleep(BETWEEN_SCRAPES)
            sums = [taken(agent) for agent in running]
        metrics = sidecar.metrics()
        ledger = sidecar.stop()
        log = sidecar.text()
        count = sink.count()
    print(f"agents {sums}, {scrapes} scrapes, sink {count}, ledger {ledger}")
    assert scrapes > SECONDS / BETWEEN_SCRAPES / 4
    assert all(sums), "an agent got nothing through"
    books, accounts = ledger["dialects"], ledger["destinations"]
    assert books["otlp"]["accepted"] == sums[0] + sums[1]
    assert books["spans"]["accepted"] == sums[2] + sums[3] == accounts["sgp"]["enqueued"]
    assert accounts["traces"]["enqueued"] == sum(sums)  # those in JSON are translated
    for book in books.values():
        assert book["received"] == book["accepted"] + sum(book["refused"].values())
    assert ledger["imbalance"] == 0
    for account in accounts.values():  # where one queue was full, and the other was not, it books what it lost
        assert account["delivered"] + account.get("dropped_queue_full", 0) == account["enqueued"], log
    assert count["spans"] == count["unique"] == sum(account["delivered"] for account in accounts.values())
    assert min(count["answered"]["503"], count["resets"], count["hung"]) > 0, "the upstream was in a good mood"
    assert metrics['inspan_attempt_duration_seconds_count{decision="later",destination="sgp"}'] > 0
