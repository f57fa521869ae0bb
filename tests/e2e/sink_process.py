"""`inspan sink` in a process of its own."""

import json
import sys
from pathlib import Path
from typing import Any, Self

from tests.e2e.process import Process, get


class SinkProcess(Process):
    """`with` starts it and ends it; flags as of the command."""

    def __init__(self, folder: Path, *flags: str) -> None:
        argv = [sys.executable, "-m", "inspan_collector", "sink", "--json", "--listen", "127.0.0.1:0", *flags]
        super().__init__(argv, folder / "sink.log")

    def __enter__(self) -> Self:
        self.until(lambda: "\n" in self.said())
        self.url: str = json.loads(self.said().splitlines()[0])["url"]
        return self

    def count(self) -> dict[str, Any]:
        """What it says at /count."""
        said: dict[str, Any] = json.loads(get(self.url + "/count"))
        return said
