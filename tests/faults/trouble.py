"""A sidecar whose disk gets into trouble: a backlog before, questions while it lasts, and the sums of all lives."""

import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.e2e.sink_process import SinkProcess
from tests.faults.agents import field
from tests.faults.rig import Count, Watch, config
from tests.sidecar import Sidecar

from inspan.wire import ACK, AGENT, CUSTODY, SEQUENCE
from inspan_collector.ledger import PLACES

MODES: Final = ("overflow", "always")
NUMBERS: Final = itertools.count(1 << 50)  # of spans that no agents of a run make
TEXT: Final = b"n"  # of the names of these
BACKLOG: Final = 60  # spans on disk before trouble comes, some of each destination
FLAGS: Final = ("--rate", "100", "--spans", "8", "--connections", "2", "--bytes", "600", "--retry", "--patience", "20")
SPIN: Final = 0.7  # of a core: a sidecar that only waits for its disk, beside a hundred spans a second, takes a tenth
DELIVERED: Final = ('inspan_spans_delivered_total{destination="up"}', 'inspan_spans_delivered_total{destination="sgp"}')
SPOOLED: Final = ('inspan_spool_spans{destination="up"}', 'inspan_spool_spans{destination="sgp"}')


def sections(url: str, path: Path, mode: str, **spool: Any) -> dict[str, Any]:
    """Two destinations, of spans that nothing replaces and of spans that can be updated, with one spool."""
    soon = {"retry": {"initial": "20ms", "max": "100ms"}, "batch": {"max_spans": 200, "linger": "20ms"}}
    up = {"name": "up", "kind": "otlp", "url": url + "/v1/traces"} | soon
    sgp = {"name": "sgp", "kind": "sgp", "url": url, "headers": {"x-api-key": "K"}, "account_id": "A"} | soon
    kept = {"path": str(path), "mode": mode, "spill_after": "100ms", "ack_timeout": "3s"} | spool
    return config(up, sgp, spool=kept, drain={"deadline": "2s"})


def down(folder: Path) -> SinkProcess:
    """An upstream that refuses, until it is told to behave."""
    return SinkProcess(folder, "--api-key", "K", "--status", "503")


class Trouble:
    """What an operator sees of one sidecar's disk, and what agents are told."""

    def __init__(self, sidecar: Sidecar) -> None:
        self.sidecar = sidecar
        self.watch = Watch(sidecar)
        self.acked = self.unknown = 0  # spans posted here

    # What agents see

    def post(self, *, durable: bool, size: int = 1) -> tuple[int, str, str]:
        """(status, body, what is held all the same) of a post of one span, booked as agents do."""
        number = next(NUMBERS)
        headers = {"content-type": "application/x-protobuf", AGENT: f"{os.getpid()}", SEQUENCE: f"{number}"}
        if durable:
            headers[ACK] = "durable"
        status, answered, body = self.sidecar.post("/v1/traces", otlp_span(number, TEXT * size), headers)
        held = answered.get(CUSTODY.lower(), "")
        self.acked += status == 200 or bool(held)
        return status, body.decode(errors="replace"), held

    def count(self) -> Count:
        """What was posted here, for the sums."""
        return {"acked": self.acked, "unknown": 0}

    # What operators see

    def lines(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.sidecar.log() if line.get("kind") == f"spool_{kind}"]

    def errors(self, kind: str) -> int:
        return int(self.sidecar.metrics()[f'inspan_spool_errors_total{{kind="{kind}"}}'])

    def why(self) -> str | None:
        found: str | None = self.sidecar.status()["spool"]["trouble"]
        return found

    def is_alive(self) -> None:
        """The same process answers, and takes spans."""
        assert self.sidecar.process.poll() is None, self.sidecar.text()
        assert self.sidecar.get("/livez")[0] == 200
        assert self.post(durable=False)[0] == 200

    def until(self, truth: Callable[[], bool], what: str, timeout: float = 20.0) -> None:
        end = time.monotonic() + timeout
        while not truth():
            self.watch.look()
            assert time.monotonic() < end, f"{what}: {self.sidecar.status()['spool']}\n{self.sidecar.text()[-4000:]}"
            time.sleep(0.05)

    def until_backlog(self, spans: int = BACKLOG) -> None:
        """Spans are on disk alone, of both destinations."""
        self.watch.until(lambda metrics: all(metrics[series] >= spans for series in SPOOLED), 20)

    def until_troubled(self, kind: str) -> None:
        """It says what is wrong in all ways: in the log, in a number, in the status."""
        self.until(lambda: self.errors(kind) > 0, f"no trouble of kind {kind}")
        self.until(lambda: bool(self.lines(kind)), f"no line of kind {kind}")

    def lasts(self, kind: str, word: str, *, relays: bool = True) -> None:
        """While it lasts: named, alive, quiet, no promises, and spans go through memory. word: of the message."""
        self.is_alive()
        before, errors, took, since = self.watch.look(), self.errors(kind), self.cpu(), time.monotonic()
        if relays:
            self.watch.until(lambda metrics: all(metrics[each] > before[each] + 20 for each in DELIVERED), 20)
        self.watch.during(1.2)  # over a tick, in which it is tried again
        busy = (self.cpu() - took) / (time.monotonic() - since)
        assert busy < SPIN, f"it does not rest: {busy:.0%} of a core"
        why = self.why()
        assert why is not None and word in why, why
        assert self.sidecar.metrics()[f'inspan_spool_trouble{{kind="{kind}"}}'] == 1
        status, body, held = self.post(durable=True)
        assert (status, held) == (503, ""), (status, held, body)
        assert word in body, body
        assert len(self.lines(kind)) == 1, self.lines(kind)
        assert self.errors(kind) <= errors + 2
        self.is_alive()

    def passes(self, kind: str) -> None:
        """It was said, in all ways but the status, and is over by itself."""
        self.until_troubled(kind)
        self.until_durable()
        assert len(self.lines(kind)) == 1, self.lines(kind)

    def until_durable(self) -> None:
        """Promises are given again."""
        self.until(lambda: self.why() is None, "it does not heal")
        self.until(lambda: self.post(durable=True)[0] == 200, "no durable ack is given")
        self.is_alive()

    def cpu(self) -> float:
        """Seconds of CPU that the process took."""
        fields = Path(f"/proc/{self.sidecar.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def otlp_span(number: int, name: bytes) -> bytes:
    """An ExportTraceServiceRequest of one span, whose id is the number."""
    span = b"\n\x10" + number.to_bytes(16, "big") + b"\x12\x08" + number.to_bytes(8, "big") + b"\x2a" + field(name)
    return b"\n" + field(b"\x12" + field(b"\x12" + field(span)))


def together(*lives: Count) -> Count:
    """The ledgers of several lives as one: what a life left is what the next recovered.

    Fails where a life recovered more than the one before held, or less.
    """
    whole: Count = {"dialects": {}, "destinations": {}, "imbalance": 0}
    left: Mapping[str, int] = {}
    for life in lives:
        whole["imbalance"] += life.get("imbalance", 0)
        for dialect, book in life["dialects"].items():
            sums = whole["dialects"].setdefault(dialect, {"received": 0, "accepted": 0, "refused": Counter()})
            sums["received"] += book["received"]
            sums["accepted"] += book["accepted"]
            sums["refused"].update(book["refused"])
        held = {}
        for name, account in life["destinations"].items():
            assert account.get("recovered", 0) == left.get(name, 0), f"{name}: {lives}"
            sums = whole["destinations"].setdefault(name, Counter())
            sums.update({key: spans for key, spans in account.items() if spans and key not in (*PLACES, "recovered")})
            held[name] = sum(account.get(place, 0) for place in PLACES)
        left = held
    assert not any(left.values()), f"the last life left spans: {lives}"
    return whole
