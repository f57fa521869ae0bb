"""The examples for SGP's SDK, as they stand, beside a sidecar."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from tests.client.upstream import Upstream, before, until

EXAMPLES: Final = Path(__file__).parents[3] / "docs/examples"


@pytest.mark.parametrize(
    ("name", "spans"),
    [("sgp_transport", {"llm.chat"}), ("sgp_async", {"turn"}), ("sgp_tracing", {"agent.turn", "llm.chat"})],
)
def test_an_example_loses_no_span(name: str, spans: set[str]) -> None:
    with Upstream() as upstream, before(upstream) as sidecar:
        environ = {"PATH": os.environ["PATH"], "INSPAN_SOCKET": str(sidecar.socket)}
        environ |= {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}  # of no concern below
        run = [sys.executable, str(EXAMPLES / f"{name}.py")]
        done = subprocess.run(run, env=environ, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        until(lambda: {span["name"] for span in upstream.spans().values()} == spans)
        assert len(upstream.copies()) == (1 if name == "sgp_transport" else 2)
        assert all("end_timestamp" in span for span in upstream.spans().values())
