"""What the examples show also runs."""

import os
import subprocess
import sys
from pathlib import Path

from tests.sidecar import Sidecar

TYPED = Path(__file__).parents[2] / "docs/examples/typed.py"


def test_the_typed_example_loses_no_span_beside_a_sidecar() -> None:
    with Sidecar() as sidecar:
        environ = {"PATH": os.environ["PATH"], "INSPAN_SOCKET": str(sidecar.socket)}
        run = [sys.executable, "-W", "error", str(TYPED)]
        done = subprocess.run(run, env=environ, check=True, capture_output=True, text=True, timeout=30)
        ledger = sidecar.stop()
    recorded, _, taken, _, lost, _ = done.stdout.split()
    assert (taken, lost) == (recorded, "0"), done.stderr
    assert ledger["dialects"]["spans"] == {"received": int(taken), "accepted": int(taken), "refused": {}}
    assert ledger["imbalance"] == 0
