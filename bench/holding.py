"""How long inspan holds spans back for a destination of kind sgp, by its own word."""

import subprocess
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from bench.peers.inspan import COMMAND, configure
from bench.peers.starting import READY, address, inherited
from bench.place import Place
from bench.process import Failed
from inspan_collector.config.values import Seconds


class Holding(msgspec.Struct, frozen=True):
    """Seconds."""

    hold_open: float
    linger: float

    @property
    def longest(self) -> float:
        """Until an open copy is sent, slots being free."""
        return self.hold_open + self.linger


def holding(place: Place, destination: Mapping[str, Any]) -> Holding:
    """What `inspan check` resolves the defaults to. Raises Failed."""
    options = configure(place.scratch, address(place.scratch, "unix"), destination)
    argv = [COMMAND, "check", *options]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=READY, check=False, env=inherited())
    if said.returncode:
        raise Failed(f"inspan check: {said.stderr}")
    return read(yaml.safe_load(said.stdout)["destinations"][0])


def read(destination: dict[str, Any]) -> Holding:
    """From a resolved destination."""
    return Holding(float(Seconds(destination["upsert"]["hold_open"])), float(Seconds(destination["batch"]["linger"])))
