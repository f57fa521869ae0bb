"""What a run is made of: agents, a sidecar and an upstream in processes of their own, watched, and added up."""

import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.e2e.process import Process, get
from tests.e2e.sink_process import SinkProcess
from tests.scrapes import check_scrape, held
from tests.sidecar import Sidecar

LONG: Final = os.environ.get("INSPAN_SOAK") == "1"  # what `make soak` sets
BETWEEN_SCRAPES: Final = 0.1  # s; a scrape costs the sidecar some 3 ms
BETWEEN_LINES: Final = 10.0  # s of progress in a long run
DRAINED: Final = 60.0  # s from an upstream's recovery until all is delivered: a paused gate probes each 30

Count = dict[str, Any]


class Agents(Process):
    """tests/faults/agents.py with these flags. prefix: a command that runs it, as `unshare -rpf`."""

    def __init__(
        self, folder: Path, socket: Path, seed: int, *flags: str, number: int = 1, prefix: tuple[str, ...] = ()
    ):
        self.prefix = prefix
        argv = [*prefix, sys.executable, str(Path(__file__).parent / "agents.py"), "--socket", str(socket)]
        argv += ["--seed", str(seed + number), "--number", str(number), *flags]
        super().__init__(argv, folder / f"agents-{number}.log")

    def enough(self) -> None:
        """Tell them to stop; `count` waits for it. Whoever runs them keeps the signal to itself."""
        pid = self.popen.pid
        os.kill(int(Path(f"/proc/{pid}/task/{pid}/children").read_text()) if self.prefix else pid, signal.SIGTERM)

    def count(self, timeout: float = 30.0) -> Count:
        """Wait for its end, and read its count. Every span of it has one end."""
        assert self.wait(timeout) == 0, self.said()
        found: Count = json.loads(self.said().splitlines()[-1])
        assert found["made"] == found["acked"] + found["refused"] + found["unknown"], found
        return found


def behave(sink: SinkProcess, **behaviour: Any) -> None:
    """Let the upstream misbehave so from now on; nothing: it recovers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(sink.url + "/behave", json.dumps(behaviour).encode(), timeout=20) as answer:
        assert answer.status == 200


def config(*destinations: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """A sidecar's configuration. sections: any, as in a file, such as `spool={"path": …}`."""
    return {"destinations": list(destinations), **sections}


def given_up(ledger: Count) -> int:
    """Spans of all destinations whose fate is to be dropped or quarantined."""
    fates = (item for account in ledger["destinations"].values() for item in account.items())
    return sum(spans for fate, spans in fates if fate == "quarantined" or fate.startswith("dropped_"))


def missing(agents: Mapping[int, Count], sink: SinkProcess) -> set[int]:
    """The ids of spans that were acked and are not upstream. agents: by number, counted with --ranges."""
    there = {int(text, 16) for text in json.loads(get(sink.url + "/ids"))}
    return {
        (agent << 40 | first) + at
        for agent, count in agents.items()
        for first, spans in count["ranges"]
        for at in range(spans)
    } - there


class Watch:
    """Scrapes a sidecar as long as something lasts, and checks the books each time."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.sidecar = sidecar
        self.scrapes = 0
        self.said = self.began = time.monotonic()

    def look(self) -> Mapping[str, float]:
        """One scrape."""
        metrics = self.sidecar.metrics()
        check_scrape(metrics)
        self.scrapes += 1
        now = time.monotonic()
        if LONG and now - self.said > BETWEEN_LINES:
            self.said = now
            print(f"  {now - self.began:5.0f} s: {_progress(metrics)}", file=sys.__stderr__, flush=True)
        return metrics

    def until(self, truth: Callable[[Mapping[str, float]], bool], timeout: float) -> Mapping[str, float]:
        """Look until a scrape says so. Fails after `timeout` seconds."""
        end = time.monotonic() + timeout
        while not truth(metrics := self.look()):
            assert time.monotonic() < end, (
                f"not within {timeout} s: {_progress(metrics)}\n{self.sidecar.text()[-4000:]}"
            )
            time.sleep(BETWEEN_SCRAPES)
        return metrics

    def during(self, seconds: float) -> None:
        """Look for so long."""
        end = time.monotonic() + seconds
        self.until(lambda _: time.monotonic() >= end, seconds + 60)

    def until_delivered(self) -> Mapping[str, float]:
        """Look until every span has a fate."""
        return self.until(lambda metrics: held(metrics) == 0, DRAINED)


def _progress(metrics: Mapping[str, float]) -> str:
    sums: dict[str, float] = {}
    for series, value in metrics.items():
        name = series.partition("{")[0].removeprefix("inspan_spans_").removesuffix("_total")
        if series.startswith("inspan_spans_") and "{destination" in series and value:
            sums[name] = sums.get(name, 0) + value
    return ", ".join(f"{value:,.0f} {name}" for name, value in sums.items()) + f", {held(metrics):,} held"


def add_up(agents: list[Count], ledger: Count, upstream: Count) -> None:
    """The counts of all three agree, and nothing is left. Prints them, so that they stand beside a failure."""
    said = [{name: value for name, value in count.items() if name != "ranges"} for count in agents]
    print(f"agents {said}\nledger {ledger}\nupstream {upstream}")
    acked, unknown = (sum(count[name] for count in agents) for name in ("acked", "unknown"))
    accepted = sum(book["accepted"] for book in ledger["dialects"].values())
    for name, book in ledger["dialects"].items():
        assert book["received"] == book["accepted"] + sum(book["refused"].values()), name
    assert ledger["imbalance"] == 0
    assert acked <= accepted <= acked + unknown, "what agents were told is not what the sidecar has in its books"
    delivered, ended = 0, given_up(ledger)
    for name, account in ledger["destinations"].items():
        lost = sum(spans for fate, spans in account.items() if fate.startswith("dropped_"))
        fates = account.get("delivered", 0) + account.get("merged", 0) + account.get("quarantined", 0) + lost
        sources = sum(account.get(source, 0) for source in ("enqueued", "recovered", "replayed", "synthesized"))
        assert sources == fates, f"{name}: not every span has a fate"
        delivered += account.get("delivered", 0)
    duplicates = upstream["spans"] - upstream["unique"]
    print(f"acked {acked}, delivered {delivered}, given up {ended}, upstream {upstream['unique']} + {duplicates} again")
    # A delivery is a span that the upstream took and said so. What it took without being heard comes again, unless
    # it was given up meanwhile.
    assert delivered <= upstream["unique"] <= delivered + ended, "the upstream has not what the books say"
    assert delivered == upstream["spans"] - upstream["lost_spans"], "the upstream took more or less than was delivered"
