"""Starting a peer: what it inherits, and what is said when it does not start."""

import os
import sys
from pathlib import Path

import pytest
from bench.peers.starting import address, inherited, said, start
from bench.process import Failed

LISTENS = "import socket, sys, time; s = socket.socket(1); s.bind(sys.argv[1]); s.listen(); time.sleep(60)"


def test_settings_of_the_caller_are_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_BSP_MAX_QUEUE_SIZE", "ROTEL_BATCH_TIMEOUT", "GOGC", "GOMAXPROCS"):
        monkeypatch.setenv(name, "1")
    assert not {"OTEL_BSP_MAX_QUEUE_SIZE", "ROTEL_BATCH_TIMEOUT", "GOGC", "GOMAXPROCS"} & inherited().keys()
    assert inherited()["PATH"] == os.environ["PATH"]


def test_a_peer_is_there_when_it_accepts_and_gone_when_it_is_left(tmp_path: Path) -> None:
    listen = address(tmp_path, "unix")
    running = start([sys.executable, "-c", LISTENS, listen.removeprefix("unix:")], tmp_path, listen, None)
    with running.process:
        assert running.target == listen
        assert running.ready > 0
        os.kill(running.pid, 0)
    assert not running.process.alive()


def test_one_that_ends_before_it_accepts_fails_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="no such thing"):
        start([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path, address(tmp_path, "tcp"), None)


def test_a_program_that_fails_says_nothing(tmp_path: Path) -> None:
    assert said([sys.executable, "-c", "print(' 1.0 ')"]) == "1.0"
    assert said([sys.executable, "-c", "raise SystemExit(1)"]) is None
    assert said([tmp_path / "none"]) is None
