"""`inspan tap`: a few of the spans that pass a running sidecar, as they pass."""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPResponse, IncompleteRead
from typing import Any, Final

import msgspec

from inspan_collector.cli.asking import Failed, add_control, asked
from inspan_collector.cli.figures import seconds, whole
from inspan_collector.cli.passing import lines
from inspan_collector.cli.send import UnixConnection
from inspan_collector.cli.sighted import Sighting
from inspan_collector.cli.sighting import sightings
from inspan_collector.cli.terminal import add_json, note, plural, prepare, safe, say, width
from inspan_collector.screen.paint import Paint, colours
from inspan_collector.tap import DIALECTS, MAX_RATE, RATE

SILENCE: Final = 15.0  # s without a byte: the sidecar says each second how things stand
GONE: Final = "the sidecar has ended"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--rate",
        type=whole(1, MAX_RATE),
        default=RATE,
        metavar="N",
        help=f"spans a second at most, 1 to {MAX_RATE}; default {RATE}",
    )
    parser.add_argument("--dialect", choices=DIALECTS, help="of those that came by this one alone")
    parser.add_argument("--service", metavar="NAME", help="of agents alone that have registered as this service")
    parser.add_argument("--values", action="store_true", help="show what spans say: else keys, types and sizes")
    parser.add_argument("--count", type=whole(1), metavar="N", help="end after so many spans")
    parser.add_argument("--seconds", type=seconds, metavar="N", help="end after so long")
    add_json(parser)
    add_control(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run the command. Returns the exit code."""
    prepare()
    tapping = _Tapping(arguments)
    try:
        return tapping.run()
    except KeyboardInterrupt:
        return 130
    except Failed as error:
        note(f"inspan tap: {safe(str(error))}")
        return 1
    finally:
        tapping.close()


class _Tapping:
    """One run of the command. shown: spans; passed, missed: as the sidecar said last."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.paint = Paint(on=colours(sys.stdout))
        self.chance = random.Random()  # noqa: S311 - which span of a post is shown is no secret
        self.shown = self.passed = self.missed = 0
        self.began = False
        self.end = None if arguments.seconds is None else time.monotonic() + arguments.seconds

    def run(self) -> int:
        """Show what passes, until it is enough."""
        arguments = self.arguments
        query = {"rate": arguments.rate, "dialect": arguments.dialect, "service": arguments.service}
        with asked(arguments, "GET", "/tap", timeout=SILENCE, **query) as (connection, answer):
            self.began = True
            for told in self._told(connection, answer):
                self.passed, self.missed = told["passed"], told["missed"]
                if "bytes" in told:
                    self._show(told, _body(answer, told["bytes"]))
                if self._enough():
                    return 0
        return 0

    def close(self) -> None:
        """Say what there was, also where it was broken off."""
        if not self.began:
            return
        if self.arguments.json:
            self._say(json.dumps({"passed": self.passed, "shown": self.shown, "missed": self.missed}))
            return
        missed = f"; {self.missed:,} more would have been, and this was too slow" if self.missed else ""
        note(f"{plural(self.passed, 'span')} passed, {self.shown:,} of them shown{missed}")

    def _told(self, connection: UnixConnection, answer: HTTPResponse) -> Iterator[dict[str, Any]]:
        """Lines of the stream, for as long as there is time. Raises Failed where the sidecar ends it."""
        while True:
            if self.end is not None:
                connection.sock.settimeout(max(0.001, min(SILENCE, self.end - time.monotonic())))
            try:
                line = answer.readline()
            except TimeoutError:
                if self.end is not None and time.monotonic() >= self.end:
                    return
                raise
            except IncompleteRead:
                raise Failed(GONE) from None
            if not line:
                raise Failed(GONE)
            yield json.loads(line)

    def _show(self, told: dict[str, Any], body: bytes) -> None:
        left = told["take"] if self.arguments.count is None else min(told["take"], self.arguments.count - self.shown)
        for sighting in sightings(told["format"], body, left, self.chance):
            self.shown += 1
            if self.arguments.json:
                self._say(json.dumps(as_json(told, sighting, values=self.arguments.values)))
                continue
            for line in lines(told, sighting, self.paint, values=self.arguments.values, columns=width()):
                self._say(line)

    def _say(self, line: str) -> None:
        say(line, now=True)  # also into a pipe: it is about what passes now

    def _enough(self) -> bool:
        counted = self.arguments.count is not None and self.shown >= self.arguments.count
        return counted or (self.end is not None and time.monotonic() >= self.end)


def as_json(told: dict[str, Any], sighting: Sighting, *, values: bool) -> dict[str, Any]:
    """A line for programs. values: with what the span says."""
    found: dict[str, Any] = {"at": datetime.fromtimestamp(told["at"], UTC).isoformat(timespec="milliseconds")}
    found |= {name: told[name] for name in ("dialect", "format", "agent", "service")}
    found |= msgspec.structs.asdict(sighting)
    resource = found.pop("resource")
    found["service"] = told["service"] or resource
    parts = [msgspec.structs.asdict(part) for part in sighting.parts]
    found["parts"] = parts if values else list(map(_hidden, parts))
    return found


def _hidden(part: dict[str, Any]) -> dict[str, Any]:
    """Without what it says: `true` is a byte shorter than `false`, and the size of a number is its digits."""
    shown = ("key", "type") if part["type"] in ("boolean", "number", "null") else ("key", "type", "bytes")
    return {name: part[name] for name in shown}


def _body(answer: HTTPResponse, size: int) -> bytes:
    """The post behind a line. Raises Failed where it breaks off."""
    try:
        body = answer.read(size + 1)
    except IncompleteRead:
        raise Failed(GONE) from None
    if len(body) <= size:
        raise Failed(GONE)
    return body[:-1]
