"""`inspan top` as it is typed, beside a real sidecar, at a terminal of its own."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest
from tests.collector.cli.typed import PATIENCE, inspan
from tests.sidecar import Sidecar

from inspan_collector.cli.main import main

SPAN = {"trace_id": "t", "id": "s", "name": "llm.chat", "end_timestamp": "2026-01-01T00:00:00Z"}
HOME, ENTER, LEAVE = "\x1b[H", "\x1b[?1049h", "\x1b[?1049l"


def post(sidecar: Sidecar) -> None:
    sidecar.post("/v1/spans", json.dumps([SPAN]).encode(), {"content-type": "application/json"})


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    with Sidecar(None) as running:
        yield running


def admin_of(sidecar: Sidecar) -> str:
    return sidecar.admin_url.removeprefix("http://")


class Terminal:
    """The command at a terminal of its own. `frame` is the last one that is complete."""

    def __init__(self, *argv: str, columns: int = 80, rows: int = 24, env: dict[str, str] | None = None) -> None:
        self.argv = argv
        self.size = (columns, rows)
        self.env = os.environ | {"TERM": "xterm-256color"} | (env or {})
        self.written = ""

    def __enter__(self) -> Self:
        self.leader, self.follower = pty.openpty()
        self.resize(*self.size)
        self.before = termios.tcgetattr(self.follower)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "inspan_collector", "top", *self.argv],
            stdin=self.follower,
            stdout=self.follower,
            stderr=self.follower,
            env=self.env,
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self.leader)
        os.close(self.follower)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.follower, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def read(self) -> None:
        while select.select([self.leader], [], [], 0.05)[0]:
            self.written += os.read(self.leader, 1 << 16).decode()

    def frame(self) -> list[str]:
        """Without colours."""
        last = self.written.split(HOME)[-1].split("\x1b[J")[0]
        return [line.rstrip("\r") for line in re.sub(r"\x1b\[[0-9;]*[mK]", "", last).split("\n")]

    def until(self, truth: Callable[[list[str]], bool]) -> list[str]:
        end = time.monotonic() + PATIENCE
        while True:
            self.read()
            if HOME in self.written and truth(self.frame()):
                return self.frame()
            assert time.monotonic() < end, self.written[-3000:]

    def ended(self) -> int:
        code = self.process.wait(PATIENCE)
        self.read()
        return code


def says(words: str) -> Callable[[list[str]], bool]:
    return lambda frame: any(words in line for line in frame)


def test_it_shows_what_passes_and_q_gives_the_terminal_back(sidecar: Sidecar) -> None:
    with Terminal("--admin", admin_of(sidecar)) as terminal:
        terminal.until(says("Nothing is lost"))
        taken = sidecar.status()["ledger"]["dialects"]["spans"]["accepted"]
        post(sidecar)
        terminal.until(says(f"of {taken + 1:,} spans"))
        os.write(terminal.leader, b"q")
        assert terminal.ended() == 0
        assert terminal.written.count(ENTER) == terminal.written.count(LEAVE) == 1
        assert terminal.written.rstrip().endswith(LEAVE)
        assert terminal.written.index("\x1b[?25l") < terminal.written.rindex("\x1b[?25h")
        assert termios.tcgetattr(terminal.follower) == terminal.before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_gives_the_terminal_back(sidecar: Sidecar, number: int) -> None:
    with Terminal("--admin", admin_of(sidecar)) as terminal:
        terminal.until(says("Nothing is lost"))
        terminal.process.send_signal(number)
        assert terminal.ended() == 130
        assert terminal.written.rstrip().endswith(LEAVE)
        assert termios.tcgetattr(terminal.follower) == terminal.before


def test_it_follows_the_size_of_the_terminal(sidecar: Sidecar) -> None:
    with Terminal("--admin", admin_of(sidecar)) as terminal:
        small = terminal.until(says("q quits"))
        terminal.resize(132, 40)
        terminal.process.send_signal(signal.SIGWINCH)
        large = terminal.until(lambda frame: len(frame[0]) > 80)
        assert max(map(len, small)) < 80
        assert max(map(len, large)) < 132


def test_without_colours_where_nobody_wants_them(sidecar: Sidecar) -> None:
    with Terminal("--admin", admin_of(sidecar), env={"NO_COLOR": "1"}) as terminal:
        terminal.until(says("Nothing is lost"))
        assert not re.search(r"\x1b\[[0-9;]*m", terminal.written)
    with Terminal("--admin", admin_of(sidecar), env={"NO_COLOR": ""}) as terminal:
        terminal.until(says("Nothing is lost"))
        assert re.search(r"\x1b\[[0-9;]*m", terminal.written)


def test_it_says_that_the_sidecar_is_away_and_goes_on_when_it_is_back() -> None:
    listen = f"127.0.0.1:{free_port()}"
    config: dict[str, Any] = {"admin": {"listen": listen}, "destinations": [
        {"name": "up", "kind": "otlp", "url": "http://127.0.0.1:9/v1/traces"}]}  # fmt: skip
    with contextlib.ExitStack() as stack:
        with Sidecar(config):
            terminal = stack.enter_context(Terminal("--admin", listen))
            terminal.until(says("Nothing is lost"))
        frame = terminal.until(says("is away since"))
        assert says("Nothing is lost")(frame)  # as it stood then
        with Sidecar(config):
            terminal.until(lambda frame: says("Nothing is lost")(frame) and not says("is away")(frame))
            assert terminal.process.poll() is None


def test_one_frame_is_printed_where_there_is_no_terminal(sidecar: Sidecar) -> None:
    said = inspan("top", "--once", "--admin", sidecar.admin_url)
    assert said.code == 0
    assert "Nothing is lost" in said.out
    assert "\x1b" not in said.out


def test_json_is_a_moment_a_line(sidecar: Sidecar) -> None:
    said = inspan("top", "--once", "--json", "--admin", admin_of(sidecar))
    assert said.code == 0
    (line,) = said.out.splitlines()
    assert json.loads(line)["status"]["ledger"]["imbalance"] == 0


def test_without_a_terminal_it_says_what_there_is_instead(sidecar: Sidecar) -> None:
    said = inspan("top", "--admin", admin_of(sidecar))
    assert said.code == 2
    assert "--once" in said.err
    assert "--json" in said.err


def test_it_says_that_no_sidecar_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--admin", f"127.0.0.1:{free_port()}"]) == 1
    assert "Connection refused; is a sidecar running" in capsys.readouterr().err


def test_what_is_no_address_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["top", "--admin", "nowhere"])
    assert "expected HOST:PORT, found nowhere" in capsys.readouterr().err
