"""Prometheus and promtool, where they are: in the folder that `make` fills, or on the path."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "helm/inspan-monitoring"
FOLDER: Final = os.environ.get("INSPAN_TEST_PROMETHEUS") or str(ROOT / ".prometheus/bin")
PATIENCE: Final = 60.0  # s; a case takes a tenth of one


def path_of(name: str) -> str | None:
    """The path of `prometheus` or `promtool`."""
    return shutil.which(name, path=FOLDER) or shutil.which(name)


def program(name: str) -> str:
    """The same. Skips the test where there is none."""
    path = path_of(name)
    if path is None:
        pytest.skip(f"no {name} here: `make .prometheus/.ready` fetches it")
    return path


def promtool(*arguments: str | Path, text: str | None = None) -> tuple[int, str]:
    """(exit code, all that it said), with `text` as its input."""
    done = subprocess.run(
        [program("promtool"), *map(str, arguments)],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout
