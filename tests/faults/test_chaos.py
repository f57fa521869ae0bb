"""An upstream that does anything at any moment, and recovers: the books hold at every look, and close."""

import os
from pathlib import Path
from typing import Any, Final

import pytest
from tests.e2e.sink_process import SinkProcess
from tests.faults.rig import LONG, Agents, Watch, add_up, behave, config, given_up, missing
from tests.sidecar import Sidecar

SECONDS: Final = float(os.environ.get("INSPAN_SOAK_SECONDS") or (600 if LONG else 15))
REFUSING: Final = 2.0  # s at the end in which it refuses us as well: after that, a probe goes each 30 s only
CHANCES: Final = (
    "413=0.02,429=0.05,500=0.04,503=0.05,reset=0.04,hang=0.01,swallow=0.03,drip=0.04,garbage=0.03,leave=0.05"
)
MOOD: Final = {"delay": "0ms-30ms", "close_idle": "150ms", "retry_after": "60ms"}
# A long run has time for what pauses a destination: one in 3,000 requests is one in some minutes.
RARELY: Final = ",401=0.0003" if LONG else ""


def destination(name: str, kind: str, url: str) -> dict[str, Any]:
    """Queues that fill, backoffs and timeouts that end, within the run."""
    return {
        "name": name,
        "kind": kind,
        "url": url,
        "queue": {"max_spans": 5000},
        "batch": {"max_spans": 500, "linger": "50ms"},
        "retry": {"initial": "20ms", "max": "200ms"},
        "timeout": "2500ms",
        "concurrency": 4,
    }


def flags(kind: str) -> list[str]:
    return ["--connections", "4", "--rate", "60", "--spans", "60", "--retry", "--ranges", "--kinds", kind]


def play(folder: Path, sections: dict[str, Any], seed: int) -> None:
    moods = ["--chance", CHANCES + RARELY, "--seed", str(seed), "--api-key", "K"]
    for name, value in MOOD.items():
        moods += [f"--{name.replace('_', '-')}", value]
    with SinkProcess(folder, *moods) as sink:
        traces = destination("traces", "otlp", sink.url + "/v1/traces")
        sgp = destination("sgp", "sgp", sink.url) | {"headers": {"x-api-key": "K"}, "account_id": "A"}
        with Sidecar(config(traces, sgp, **sections)) as sidecar:
            watch = Watch(sidecar)
            with (
                Agents(folder, sidecar.socket, seed, *flags("otlp"), number=1) as otlp,
                Agents(folder, sidecar.socket, seed, *flags("json"), number=2) as plain,
            ):
                watch.during(SECONDS - REFUSING)
                behave(sink, chance=CHANCES + ",401=0.05", seed=seed, **MOOD)
                watch.during(REFUSING)
                for agents in (otlp, plain):
                    agents.enough()
                counts = [otlp.count(), plain.count()]
            behave(sink)
            if LONG:
                watch.until_delivered()
            ledger = sidecar.stop()  # where a gate is paused still, the drain does not wait for its 30 s
        count, gone = sink.count(), missing({1: counts[0], 2: counts[1]}, sink)
    print(f"{watch.scrapes} scrapes, answered {count['answered']}")
    add_up(counts, ledger, count)
    # What was acked and is nowhere upstream has a reason in the books.
    assert len(gone) <= given_up(ledger)
    assert all(each["acked"] > 20 * SECONDS for each in counts), "an agent got nearly nothing through"
    assert not any(each["posts"].get("silent") or each["posts"].get("broken") for each in counts)
    assert watch.scrapes > 2 * SECONDS
    # What comes in one of twenty requests or more: the rest may miss a short run.
    assert {"429", "500", "503"} <= count["answered"].keys() and min(count["resets"], count["lost_answers"]) > 0
    assert count["spans"] > count["unique"], "no answer was lost, so nothing came twice"


@pytest.mark.parametrize("sections", [{}, {"spool": {"mode": "always"}}], ids=["memory", "disk"])
def test_through_chaos_every_span_that_was_accepted_has_a_fate(
    tmp_path: Path, seed: int, sections: dict[str, Any]
) -> None:
    if "spool" in sections:
        sections = {"spool": sections["spool"] | {"path": str(tmp_path / "spool" / "spool.db")}}
    play(tmp_path, sections, seed)
