"""Stacks are the same wherever the sidecar is installed, and whatever line was just run."""

import os
import sys
from pathlib import Path

import pytest
from bench.harness.profile import beside_the_loop, folded
from bench.process import Process


def test_alike_frames_are_one() -> None:
    begin = "0x7f (libc.so.6);<module> (inspan:8);main (/somewhere/lib/inspan_collector/cli/run.py:12)"
    lines = [
        f"{begin};read (inspan_collector/receiver/dialects/otlp.py:7);malloc (libc.so.6) 2",
        f"{begin};read (inspan_collector/receiver/dialects/otlp.py:9);Py_DECREF (object.h:500);malloc (libc.so.6) 3",
    ]
    frames = ["<module>", "main (inspan_collector/cli/run)", "read (inspan_collector/receiver/dialects/otlp)"]
    ((stack, count),) = folded(lines).items()
    assert count == 5
    assert stack.split(";")[1:3] == frames[1:]
    assert ":" not in stack


def test_no_place_of_a_machine_is_left() -> None:
    stacks = folded(
        ["<module>;a (/root/x/site-packages/aiohttp/client.py:3);b (uvloop/loop.pyx:1);c (/tmp/x/lib.so) 1"]
    )
    assert list(stacks) == ["<module>;a (client);b (loop);c (lib)"]


def test_only_the_thread_of_the_loop_is_sampled() -> None:
    assert folded(["run (threading);_worker (thread) 5", "<module>;a (b.py:1) 2"]) == {"<module>;a (b)": 2}


def test_other_threads_are_known_by_their_cpu_time() -> None:
    assert beside_the_loop(7, {7: 1.0, 8: 1.0}, {7: 3.0, 8: 1.5, 9: 0.5}) == pytest.approx(0.5)
    assert beside_the_loop(7, {7: 1.0}, {7: 1.0, 8: 2.0}) == 0


def test_a_process_tells_its_threads_apart(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import time; time.sleep(60)"]
    with Process(argv, None, tmp_path / "log", dict(os.environ)) as process:
        assert list(process.threads()) == [process.popen.pid]
