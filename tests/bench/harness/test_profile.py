"""Stacks are the same wherever the sidecar is installed, and whatever line was just run."""

from bench.harness.profile import folded


def test_alike_frames_are_one() -> None:
    begin = "0x7f (libc.so.6);main (/somewhere/lib/inspan_collector/cli/run.py:12)"
    lines = [
        f"{begin};read (inspan_collector/receiver/dialects/otlp.py:7);malloc (libc.so.6) 2",
        f"{begin};read (inspan_collector/receiver/dialects/otlp.py:9);Py_DECREF (object.h:500);malloc (libc.so.6) 3",
    ]
    frames = ["main (inspan_collector/cli/run)", "read (inspan_collector/receiver/dialects/otlp)", "malloc (libc.so)"]
    assert folded(lines) == {";".join(frames): 5}


def test_no_place_of_a_machine_is_left() -> None:
    stacks = folded(["a (/root/x/site-packages/aiohttp/client.py:3);b (uvloop/loop.pyx:1);c (/tmp/x/lib.so) 1"])
    assert list(stacks) == ["a (client);b (loop);c (lib)"]


def test_a_thread_that_waits_for_work_takes_no_time() -> None:
    wait = "run (threading);_worker (thread);_queue_SimpleQueue_get (_queuemodule.c)"
    assert folded([f"{wait} 5", f"{wait};PyThread_acquire_lock_timed (libpython.so) 9", "gzip (compress.py:1) 2"]) == {
        "gzip (compress)": 2
    }
