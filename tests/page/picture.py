"""`python -m tests.page.picture FILE`: the picture of the page for the README, of a sidecar under load.

Two agents, two upstreams. One of these has a bad quarter of an hour, in five minutes: it is slow, then out of order,
then well, and out of order again when the picture is taken.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any, Final

from tests.e2e.sink_process import SinkProcess
from tests.page.browser import Visit, chromium, driving
from tests.page.stage import JSON, Posting, beats, otlp_spans, otlp_to, own_spans, register, settle, sgp_to
from tests.sidecar import Sidecar

# (share of the time, how the upstream behaves from there on)
PLAY: Final[tuple[tuple[float, dict[str, Any]], ...]] = (
    (0.0, {"delay": "20ms-80ms"}),
    (0.3, {"delay": "20ms-80ms", "status": 503, "retry_after": "2"}),
    (0.5, {"delay": "20ms-80ms"}),
    (0.8, {"delay": "20ms-80ms", "status": 503, "retry_after": "2"}),
)
SIZE: Final = {"width": 1100, "height": 880}  # what a README shows without a zoom


def main() -> int:
    """Play, and take the picture."""
    parser = argparse.ArgumentParser(prog="python -m tests.page.picture")
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, default=300.0)
    told = parser.parse_args()
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        sinks = []
        for name in ("well", "moody"):
            (home := Path(folder) / name).mkdir()
            sinks.append(stack.enter_context(SinkProcess(home, "--delay", "20ms-80ms", "--no-unique")))
        well, moody = sinks
        queue = {"queue": {"max_spans": 40_000}, "retry": {"initial": "200ms", "max": "2s"}}
        to = [sgp_to(well.url, "sgp"), otlp_to(moody.url, "tempo", **queue)]
        sidecar = stack.enter_context(Sidecar({"destinations": to}))
        register(sidecar, 2, lambda i: ("planner", "retriever")[i])
        stack.enter_context(Posting(sidecar, beats(2), 0.5))
        stack.enter_context(Posting(sidecar, otlp_spans(25), 8))
        stack.enter_context(Posting(sidecar, own_spans(6), 5))
        for (begin, behaviour), end in zip(PLAY, [share for share, _ in PLAY[1:]] + [1.0], strict=True):
            behave(moody, behaviour)
            settle(sidecar, (end - begin) * told.seconds)
        browser = stack.enter_context(chromium(stack.enter_context(driving())))
        visit = stack.enter_context(Visit(browser, sidecar.admin_url, size=SIZE)).live()
        settle(sidecar, 6)  # a rate is of five seconds
        visit.page.screenshot(path=str(told.file))
    print(f"{told.file}: {told.file.stat().st_size:,} bytes")
    return 0


def behave(sink: SinkProcess, behaviour: dict[str, Any]) -> None:
    """Have the sink behave so from now on, and in no other way."""
    urllib.request.urlopen(urllib.request.Request(f"{sink.url}/behave", json.dumps(behaviour).encode(), JSON)).close()


if __name__ == "__main__":
    sys.exit(main())
