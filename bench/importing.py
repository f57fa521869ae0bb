"""`python -m bench.importing [--runs 20]`: what `import inspan` costs an agent when it starts, beside other exporters.

Each run is a fresh interpreter that has imported msgspec already: the one dependency, with a line of its own. The ways
take turns, so that a machine that slows down slows all of them.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from bench.machine import describe
from bench.table import median, spread, table

RUNS: Final = 20
PATIENCE: Final = 60  # s for one interpreter; a second is much
WAYS: Final = {
    "msgspec, by itself": ("", "import msgspec"),
    "inspan": ("import msgspec", "import inspan"),
    "OpenTelemetry's SDK and OTLP/HTTP exporter": (
        "import msgspec",
        "import opentelemetry.sdk.trace.export, opentelemetry.exporter.otlp.proto.http.trace_exporter",
    ),
    "the SGP client": ("import msgspec", "import scale_gp_beta"),
}
"""What is imported: before the clock starts, and while it runs."""

CODE: Final = """
import json, sys, time
{before}
loaded, began = len(sys.modules), time.perf_counter_ns()
{measured}
ended = time.perf_counter_ns()
print(json.dumps([ended - began, len(sys.modules) - loaded]))
"""


class Figure(msgspec.Struct, frozen=True):
    """seconds: wall time of the import. modules: how many more are loaded after it."""

    seconds: float
    modules: int


def main(argv: Sequence[str]) -> int:
    """Measure and print. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.importing", description="Time imports in fresh interpreters."
    )
    parser.add_argument("--runs", type=int, default=RUNS)
    runs = parser.parse_args(argv).runs
    figures: dict[str, list[Figure]] = {way: [] for way in WAYS}
    for number in range(runs + 1):
        for way in WAYS:
            figure = measure(*WAYS[way])
            if number:  # the first run compiles, and fills the page cache
                figures[way].append(figure)
    print("\n".join(describe()))
    print(report(figures))
    return 0


def measure(before: str, measured: str) -> Figure:
    """One import in an interpreter of its own. Raises CalledProcessError where it fails."""
    code = CODE.format(before=before, measured=measured)
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, timeout=PATIENCE)
    nanoseconds, modules = json.loads(done.stdout)
    return Figure(nanoseconds / 1e9, modules)


def report(figures: dict[str, list[Figure]]) -> str:
    """A row for each way."""
    rows = []
    for way, runs in figures.items():
        seconds = [run.seconds for run in runs]
        modules = sorted({run.modules for run in runs})
        rows.append(
            [way, f"{median(seconds) * 1e3:.1f} ms", spread(seconds, ".1f", 1e3), "/".join(map(str, modules)) or "–"]
        )
    head = ("import, in a fresh interpreter", "median", "lowest – highest", "modules")
    return table("What an import costs beyond msgspec's own", head, rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
