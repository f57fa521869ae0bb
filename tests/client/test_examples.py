"""What the examples show also runs, and what the pages show is in the examples."""

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from tests.sidecar import Sidecar

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))
SHOWN = re.findall(r"^( *)```python\n(.*?)^\1```$", (DOCS / "client.md").read_text(), re.MULTILINE | re.DOTALL)


def run(example: str) -> tuple[str, dict[str, Any]]:
    """(what it printed, the closing ledger of the sidecar beside it)."""
    with Sidecar() as sidecar:
        environ = {"PATH": os.environ["PATH"], "INSPAN_SOCKET": str(sidecar.socket)}
        command = [sys.executable, "-W", "error", str(DOCS / "examples" / example)]
        done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True, timeout=30)
        ledger = sidecar.stop()
    assert ledger["imbalance"] == 0
    return done.stdout, ledger["dialects"]["spans"]


def test_the_typed_example_loses_no_span_beside_a_sidecar() -> None:
    printed, books = run("typed.py")
    recorded, _, taken, _, lost, _ = printed.split()
    assert (taken, lost) == (recorded, "0")
    assert books == {"received": int(taken), "accepted": int(taken), "refused": {}}


def test_the_first_example_prints_what_the_page_says() -> None:
    printed, books = run("first.py")
    assert "recorded=6, accepted=6, queued=0, in_flight=0" in printed
    assert books == {"received": 6, "accepted": 6, "refused": {}}


def test_the_page_of_the_client_shows_code() -> None:
    assert len(SHOWN) >= 4


@pytest.mark.parametrize("block", [dedent(text) for _, text in SHOWN])
def test_what_the_page_shows_is_part_of_an_example_that_runs(block: str) -> None:
    assert any(block in example.read_text() for example in EXAMPLES), block
