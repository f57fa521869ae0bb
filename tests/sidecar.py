"""A real `inspan run` in a process of its own: started, spoken to, ended, and its closing ledger read."""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from inspan_collector.cli.send import UnixConnection

PATIENCE: Final = 15.0  # s until a test that waits for the process fails
POLL: Final = 0.005  # s
# What would configure the sidecar behind the test's back.
FOREIGN: Final = ("INSPAN_", "OTEL_", "SGP_")

Answer = tuple[int, dict[str, str], bytes]


class Sidecar:
    """`with Sidecar({"destinations": [...]}) as sidecar:` is ready inside, and gone behind.

    config: as in a file, None for no file at all. The socket lies in a directory of its own and the admin address has
    any free port, unless `config` says otherwise. env: on top of ours, without what would configure a sidecar.
    prefix: a command that runs it in a process of its own below, as `unshare --pid --fork`.
    """

    def __init__(
        self,
        config: dict[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        self.config = config
        self.prefix = prefix
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        self.env |= env or {}

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="inspan-")
        self.home = Path(self._directory.name)
        self.socket = self.home / "inspan.sock"
        command = [*self.prefix, sys.executable, "-m", "inspan_collector", "run"]
        if self.config is None:
            self.env = {"INSPAN_SOCKET": str(self.socket), "INSPAN_ADMIN__LISTEN": "127.0.0.1:0"} | self.env
        else:
            places = {"socket": {"path": str(self.socket)}, "admin": {"listen": "127.0.0.1:0"}}
            (self.home / "inspan.yaml").write_text(json.dumps(places | self.config))
            command += ["-c", str(self.home / "inspan.yaml")]
        with (self.home / "log").open("wb") as log:
            self.process = subprocess.Popen(command, env=self.env, stderr=log, stdin=subprocess.DEVNULL)
        self.pid = self.process.pid
        try:
            ready = self.wait_for("ready")
        except BaseException:
            self._clear()
            raise
        if self.prefix:
            self.pid = int(Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text())
        self.socket = Path(ready["socket"])
        self.admin_url = ready["admin"]
        assert self.get("/readyz")[0] == 200
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def __repr__(self) -> str:
        return f"<Sidecar {self.process.pid} {self.socket}>"

    # The socket

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None, method: str = "POST") -> Answer:
        """One request on a connection of its own: (status, headers by lower-case name, body)."""
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, path, body, dict(headers or {"content-type": "application/x-protobuf"}))
            return _read(connection)
        finally:
            connection.close()

    # The admin address

    def get(self, path: str) -> Answer:
        """One request to the admin address."""
        connection = http.client.HTTPConnection(self.admin_url.removeprefix("http://"), timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return _read(connection)
        finally:
            connection.close()

    def metrics(self) -> dict[str, float]:
        """Every series as it is written: `inspan_spans_received_total{dialect="otlp"}`."""
        return series(self.get("/metrics")[2].decode())

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("/status")[2])
        return found

    def until(self, name: str, value: float) -> None:
        """Wait until a series has reached a value."""
        end = time.monotonic() + PATIENCE
        while (found := self.metrics()[name]) < value:
            assert time.monotonic() < end, f"{name} is {found}, not {value}\n{self.text()}"
            time.sleep(POLL)

    def until_status(self, name: str, value: int) -> None:
        """Wait until a number of the status has reached a value."""
        end = time.monotonic() + PATIENCE
        while (found := self.status()[name]) < value:
            assert time.monotonic() < end, f"{name} is {found}, not {value}\n{self.text()}"
            time.sleep(POLL)

    # The process

    def signal(self, number: int = signal.SIGTERM) -> None:
        os.kill(self.pid, number)

    def stop(self) -> dict[str, Any]:
        """SIGTERM, and the closing ledger."""
        if self.process.poll() is None:
            self.signal()
        return self.ended()

    def ended(self) -> dict[str, Any]:
        """Wait for its end, which must be a good one, and return the closing ledger: the last log line."""
        assert self.process.wait(PATIENCE) == 0, self.text()
        last: dict[str, Any] = self.log()[-1]
        assert last["kind"] == "closed", self.text()
        ledger: dict[str, Any] = last["ledger"]
        return ledger

    def log(self) -> list[dict[str, Any]]:
        """The log so far, without a line that is being written."""
        lines = self.text().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def text(self) -> str:
        """The log as it stands, to go with a failure."""
        return (self.home / "log").read_text()

    def wait_for(self, kind: str) -> dict[str, Any]:
        """The first log line of a kind."""
        end = time.monotonic() + PATIENCE
        while True:
            for line in self.log():
                if line.get("kind") == kind:
                    return line
            if self.process.poll() is not None or time.monotonic() > end:
                raise NotStarted(self.process.returncode, self.text())
            time.sleep(POLL)

    def _clear(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        self._directory.cleanup()


class NotStarted(Exception):
    """The sidecar ended instead of getting ready. code: its exit code, None where it hung; text: what it said."""

    def __init__(self, code: int | None, text: str) -> None:
        super().__init__(f"exit code {code}\n{text}")
        self.code = code
        self.text = text


def series(text: str) -> dict[str, float]:
    """A scrape, by series as it is written."""
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def _read(connection: http.client.HTTPConnection) -> Answer:
    answer = connection.getresponse()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
