"""How long this version of inspan holds spans back for a destination of kind sgp, by its own word."""

import subprocess
from typing import Any, Final

import msgspec
import yaml

from bench.peers import COMMAND, READY, Place, configure, inherited
from bench.process import Failed
from inspan_collector.config.values import Seconds

HOLD_OPEN: Final = "2s"  # the design's, for a version that has no such key and sends every copy as it comes


class Holding(msgspec.Struct, frozen=True):
    """Seconds. merges: whether this version has the key."""

    hold_open: float
    linger: float
    merges: bool

    @property
    def longest(self) -> float:
        """Until an open copy is sent, slots being free."""
        return self.hold_open + self.linger


def holding(place: Place, destination: dict[str, str]) -> Holding:
    """What `inspan check` resolves the defaults to. Raises Failed."""
    options, _ = configure(place, destination)
    argv = [COMMAND, "check", *options]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=READY, check=False, env=inherited())
    if said.returncode:
        raise Failed(f"inspan check: {said.stderr}")
    return read(yaml.safe_load(said.stdout)["destinations"][0])


def read(destination: dict[str, Any]) -> Holding:
    """From a resolved destination."""
    upsert = destination.get("upsert")
    hold_open = (upsert or {}).get("hold_open", HOLD_OPEN)
    return Holding(
        hold_open=float(Seconds(hold_open or 0)),
        linger=float(Seconds(destination["batch"]["linger"])),
        merges=upsert is not None,
    )
