"""What a simple model says that the upstream must have of each span in the end, and agents that make it so.

The model knows no queue, no batch and no disk: of a span the ended copy that was acked last is true, else its start,
and where nobody ended it and its agent is gone, its start ended as interrupted.
"""

import contextlib
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from inspan_collector.cli.send import UnixConnection

BEAT: Final = 2.0  # s
AGAIN: Final = 0.05  # s until a post that found nobody is tried again
PATIENCE: Final = 30.0  # s in which a sidecar is back
START: Final = "2026-05-04T03:02:01+00:00"

Copy = dict[str, Any]


class Key:
    """One span, and the copies of it that agents posted, in order. sure: acked; else it may have been taken."""

    def __init__(self, number: str) -> None:
        self.id = f"span-{number}"
        self.copies: list[tuple[Copy, bool]] = []
        self.versions = itertools.count()

    def __repr__(self) -> str:
        return f"<Key {self.id} {[('end' if ended(copy) else 'start', sure) for copy, sure in self.copies]}>"

    def copy(self, *, end: bool) -> Copy:
        """A copy that differs from all before it."""
        version = next(self.versions)
        made = {"id": self.id, "trace_id": f"trace-{self.id}", "name": "llm", "start_timestamp": START}
        made |= {"input": {"prompt": f"{self.id} {version}"}, "metadata": {"version": version}}
        if end:
            made |= {"end_timestamp": "2026-05-04T03:02:09+00:00", "status": "SUCCESS", "output": {"version": version}}
        return made

    def posted(self, *, end: bool) -> list[Copy]:
        return [copy for copy, _ in self.copies if ended(copy) == end]

    def is_ended(self) -> bool:
        return bool(self.posted(end=True))

    def possible(self) -> list[Copy | None]:
        """What may be true of it in the end, None where it may be that nothing is."""
        unsure = [index for index, (_, sure) in enumerate(self.copies) if not sure]
        found: list[Copy | None] = []
        for taken in itertools.product((True, False), repeat=len(unsure)):
            out = {index for index, was in zip(unsure, taken, strict=True) if not was}
            found.append(_fold([copy for index, (copy, _) in enumerate(self.copies) if index not in out]))
        return found


def ended(copy: Copy) -> bool:
    return "end_timestamp" in copy


def _fold(copies: list[Copy]) -> Copy | None:
    if not copies:
        return None
    ends = [copy for copy in copies if ended(copy)]
    if ends:
        return ends[-1]
    # A copy of a start with other inputs: the later one. Its agent is gone, or it would have ended it.
    return copies[-1] | {"status": "ERROR", "output": "interrupted"}


def agrees(row: Copy | None, expected: Copy | None) -> bool:
    """Whether the upstream has what it should. row: in SGP's names."""
    if row is None or expected is None:
        return row is expected
    if expected["output"] == "interrupted":
        said = row.get("output") or {}
        interrupted = row.get("status") == "ERROR" and said.get("error") == "interrupted"
        end = row.get("end_timestamp")
        rest = ("id", "trace_id", "name", "input", "metadata")
        return interrupted and _later(end) and all(row.get(name) == expected[name] for name in rest)
    return all(row.get(name) == value for name, value in expected.items())


def _later(end: str | None) -> bool:
    return end is not None and datetime.fromisoformat(end) >= datetime.fromisoformat(START)


class Agent(threading.Thread):
    """Does what chance says to its own keys, one post at a time, and remembers what was acked.

    until: until when it acts, in monotonic seconds; then it goes as `manner` says: `completes` with all ended, `leaves`
    spans open behind a goodbye, `crashes` without one, or `returns` after `away` seconds of silence to end all. keys:
    what it takes over from another, which it may post again or end.
    """

    def __init__(
        self,
        socket: Path,
        name: str,
        seed: int,
        *,
        until: float,
        manner: str,
        away: float,
        durable: bool,
        pausing: threading.Lock,
        keys: list[Key],
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.socket = socket
        self.chance = random.Random(seed)
        self.until = until
        self.manner = manner
        self.away = away
        self.durable = durable
        self.pausing = pausing
        self.keys = keys
        self.counter = itertools.count()
        self.sequence = 0
        self.posted = 0
        self.beaten = 0.0
        self.registered = False
        self.error: BaseException | None = None
        self.connection: UnixConnection | None = None

    def run(self) -> None:
        try:
            self._live()
        except BaseException as error:  # noqa: BLE001  raised by whoever joins it
            self.error = error

    def _live(self) -> None:
        while time.monotonic() < self.until:
            self._act()
            time.sleep(self.chance.uniform(0, 0.06))
        if self.manner == "crashes":
            self._crash()
            return
        if self.manner == "returns":
            self._hang_up()
            time.sleep(self.away)
        if self.manner != "leaves":
            for key in self.keys:
                if not key.is_ended():
                    self._post([(key, key.copy(end=True))])
        self._tell("complete")
        self._hang_up()

    def _crash(self) -> None:
        """In the middle of a post, as like as not: nobody hears the answer."""
        if self.chance.random() < 0.5 and self.keys:
            key = self.chance.choice(self.keys)
            copy = key.copy(end=self.chance.random() < 0.5)
            key.copies.append((copy, False))
            with contextlib.suppress(OSError, HTTPException):
                self._request("POST", "/v1/spans", json.dumps([copy]).encode(), self._asks(), answer=False)
        self._hang_up()

    # What it does

    def _act(self) -> None:
        if time.monotonic() - self.beaten > BEAT:
            self._tell("heartbeat")
        chosen: dict[str, tuple[Key, Copy]] = {}
        for _ in range(self.chance.randrange(1, 4)):
            key, copy = self._choose()
            chosen.setdefault(key.id, (key, copy))
        self._post(list(chosen.values()))

    def _choose(self) -> tuple[Key, Copy]:
        open_ones = [key for key in self.keys if key.copies and not key.is_ended()]
        done = [key for key in self.keys if key.is_ended()]
        match self.chance.randrange(10):
            case 0 | 1 | 2 if open_ones:
                key = self.chance.choice(open_ones)
                return key, key.copy(end=True)
            case 3 if open_ones:  # the same start again
                key = self.chance.choice(open_ones)
                return key, self.chance.choice(key.posted(end=False))
            case 4 | 5 if done:  # the same end again, or one of before: what came last is true
                key = self.chance.choice(done)
                return key, self.chance.choice(key.posted(end=True))
            case 6 if done:  # another end
                key = self.chance.choice(done)
                return key, key.copy(end=True)
            case 7 if done:  # a start that comes late
                key = self.chance.choice(done)
                return key, self.chance.choice([*key.posted(end=False), key.copy(end=False)])
            case _:
                key = Key(f"{self.name}-{next(self.counter)}")
                self.keys.append(key)
                return key, key.copy(end=self.chance.random() < 0.3)

    # What it says

    def _post(self, chosen: list[tuple[Key, Copy]]) -> None:
        """Post these, again and again until they are acked."""
        body = json.dumps([copy for _, copy in chosen]).encode()
        self.sequence += 1
        asks = self._asks()
        with self.pausing:
            self._insist(lambda: self._is_known() and self._taken(self._request("POST", "/v1/spans", body, asks)))
            self.posted += len(chosen)
            for key, copy in chosen:
                key.copies.append((copy, True))

    def _asks(self) -> dict[str, str]:
        named = {"Inspan-Agent": self.name, "Inspan-Sequence": str(self.sequence)}
        return named | ({"Inspan-Ack": "durable"} if self.durable else {})

    def _taken(self, answer: tuple[int, bytes]) -> bool:
        status, said = answer
        if status in (429, 503):
            return False
        assert status == 202, (status, said)
        return True

    def _tell(self, what: str) -> None:
        """A beat, or goodbye; whoever does not know us is told who we are first."""

        def tell() -> bool:
            body = json.dumps({"recorded": self.posted}).encode()
            return self._is_known() and self._request("POST", f"/v1/agents/{self.name}/{what}", body)[0] == 204

        self._insist(tell)
        self.beaten = time.monotonic()

    def _is_known(self) -> bool:
        """A sidecar that we have just met may be another one, which has to hear who we are."""
        if self.connection is None or not self.registered:
            told = {"registration_id": self.name, "service": "s", "reported": {"recorded": self.posted}}
            self.registered = self._request("POST", "/v1/agents", json.dumps(told).encode())[0] == 201
        return self.registered

    def _insist(self, tried: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                if tried():
                    return
            except (OSError, HTTPException):
                self._hang_up()
            assert time.monotonic() < end, f"{self.name}: nobody takes it"
            time.sleep(AGAIN)

    def _request(
        self, method: str, path: str, body: bytes, asks: dict[str, str] | None = None, *, answer: bool = True
    ) -> tuple[int, bytes]:
        if self.connection is None:
            self.connection = UnixConnection(self.socket)
            self.registered = False
        self.connection.request(method, path, body, {"content-type": "application/json"} | (asks or {}))
        if not answer:
            return 0, b""
        found = self.connection.getresponse()
        return found.status, found.read()

    def _hang_up(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def disagreements(keys: list[Key], rows: dict[str, Copy]) -> Iterator[str]:
    """Each key of which the upstream has something else than it may."""
    for key in keys:
        row = rows.get(key.id)
        if not any(agrees(row, expected) for expected in key.possible()):
            yield f"{key!r}: upstream has {row}, expected {key.possible()}"
    known = {key.id for key in keys}
    yield from (f"{name}: nobody posted it" for name in rows.keys() - known)
