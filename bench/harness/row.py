"""One run of one system, as a line of CSV: everything that the results are made of."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec


class Measures(msgspec.Struct, kw_only=True):
    """What one run found; None: not measured. Seconds and bytes, unless said otherwise.

    spans, posts: acknowledged. refused: posts. lost: spans acknowledged and not upstream; negative where some came
    twice. cpu, peak, idle: of the system's whole tree of processes, from the operating system; peak and idle are RSS.
    agent_cpu: of the agent, where one is measured; it is part of cpu.
    posted_bytes: of the posts, heads included. requests, most_spans, encodings, connections, sent_bytes, plain_bytes:
    as the sink saw them. steal, others: shares of the cores' time that the hypervisor or processes of others took.
    answer: from when a post was due to its answer. arrival: to the sink. missed: posts that found no connection free
    while they were due, or copies that an agent had no time to record. recovered: from the end of an outage until all
    was upstream. wall ends when nothing was held.
    """

    spans: int | None = None
    posts: int | None = None
    refused: int | None = None
    lost: int | None = None
    cpu: float | None = None
    agent_cpu: float | None = None
    wall: float | None = None
    load_wall: float | None = None
    ready: float | None = None
    idle: int | None = None
    peak: int | None = None
    posted_bytes: int | None = None
    requests: int | None = None
    most_spans: int | None = None
    encodings: str | None = None
    connections: int | None = None
    sent_bytes: int | None = None
    plain_bytes: int | None = None
    answer_p50: float | None = None
    answer_p99: float | None = None
    arrival_p50: float | None = None
    arrival_p99: float | None = None
    missed: int | None = None
    recovered: float | None = None
    generator_cpu: float | None = None
    sink_cpu: float | None = None
    steal: float | None = None
    others: float | None = None


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it ran, as the harness found it. load: of the last minute, before the first run."""

    model: str
    cores: int
    kernel: str
    python: str
    libraries: str
    commit: str
    load: float


class Row(msgspec.Struct, kw_only=True):
    """attempt: 1, or more where those before it were disturbed. kept: the one that counts. disturbed: by what. config:
    the case's load and settings, as JSON. started: UTC."""

    scenario: str
    case: str
    x: float
    system: str
    version: str
    run: int
    attempt: int
    kept: bool
    disturbed: str
    started: str
    seed: int
    config: str
    machine: Machine
    found: Measures

    @property
    def speed(self) -> float | None:
        """Spans per CPU-second, of those that arrived where the system delivers."""
        found = self.found
        return None if not found.cpu or found.spans is None else (found.spans - (found.lost or 0)) / found.cpu


PLAIN = tuple(name for name in Row.__struct_fields__ if name not in ("machine", "found"))
HEAD = (*PLAIN, *Machine.__struct_fields__, *Measures.__struct_fields__)


def write(rows: Iterable[Row], path: Path) -> None:
    """All of them, in place of what was there; a reader never sees half a file."""
    part = path.with_suffix(".part")
    with part.open("w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(HEAD)
        lines.writerows(_cells(row) for row in rows)
    part.replace(path)


def read(path: Path) -> list[Row]:
    """The rows of one file. Raises msgspec.ValidationError where a cell is not what its column holds."""
    with path.open(newline="") as file:
        return [_row(line) for line in csv.DictReader(file)]


def _cells(row: Row) -> Iterator[Any]:
    for part, names in (
        (row, PLAIN),
        (row.machine, Machine.__struct_fields__),
        (row.found, Measures.__struct_fields__),
    ):
        for name in names:
            value = getattr(part, name)
            yield "" if value is None else f"{value:.6g}" if isinstance(value, float) else value


def _row(line: dict[str, str]) -> Row:
    """An empty cell is None among measures, and an empty text elsewhere."""
    plain: dict[str, Any] = {name: line[name] for name in PLAIN}
    plain["kept"] = line["kept"] == "True"
    plain["machine"] = {name: line[name] for name in Machine.__struct_fields__}
    plain["found"] = {name: line.get(name) or None for name in Measures.__struct_fields__}  # a file may be older
    return msgspec.convert(plain, Row, strict=False)
