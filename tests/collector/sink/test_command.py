"""`inspan sink` as a process."""

import argparse
import asyncio
import json
import signal
import sys

import aiohttp
import pytest
from tests.collector.sink.posts import PROTOBUF, otlp, post

from inspan_collector.errors import ConfigError
from inspan_collector.sink import Behaviour, Sink, add_arguments
from inspan_collector.sink.command import build, progress_line

START = "2026-11-21T01:09:41Z"
PROGRAM = """
import argparse, sys
from inspan_collector.sink import add_arguments, execute
parser = argparse.ArgumentParser()
add_arguments(parser)
sys.exit(execute(parser.parse_args()))
"""


def parsed(*flags: str) -> Sink:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return build(parser.parse_args(flags))


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_is_and_ends_with_its_count(stop):
    command = (sys.executable, "-c", PROGRAM, "--listen", "127.0.0.1:0", "--json", "--status", "503", "--every", "2")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    url = json.loads(await process.stdout.readline())["url"]
    async with aiohttp.ClientSession() as client:
        for status in (200, 503):
            async with client.post(url + "/v1/traces", data=otlp("a"), headers=PROTOBUF) as answer:
                assert answer.status == status
    process.send_signal(stop)
    count = json.loads(await process.stdout.read())
    assert await process.wait() == 0
    assert (count["spans"], count["answered"]) == (1, {"200": 1, "503": 1})


def test_every_flag_reaches_the_behaviour():
    common = "--delay 10ms-80ms --status 503 --every 3 --reset 4 --hang 5 --garbage 6 --max-bytes 1MiB"
    rare = "--reject-span bad --reject-status reset --retry-after 2 --partial 7 --close-idle 200ms --seed 9"
    sink = parsed(*common.split(), *rare.split(), "--chance", "503=0.5")
    assert sink.behaviour == Behaviour(
        delay="10ms-80ms",
        status=503,
        every=3,
        reset_every=4,
        hang_every=5,
        garbage_every=6,
        max_bytes=1 << 20,
        reject_span="bad",
        reject_status="reset",
        retry_after="2",
        partial=7,
        close_idle="200ms",
        seed=9,
        chance="503=0.5",
    )


def test_without_flags_it_listens_on_loopback_and_behaves():
    sink = parsed()
    assert (sink.url, sink.behaviour) == ("http://127.0.0.1:4319", Behaviour())


@pytest.mark.parametrize("flags", [["--every", "3"], ["--delay", "soon"], ["--listen", "nowhere"]])
def test_flags_that_make_no_sense_are_a_configuration_error(flags):
    with pytest.raises(ConfigError, match="inspan sink"):
        parsed(*flags)


async def test_the_progress_line_says_what_came_and_what_was_not_taken(client):
    async with Sink(Behaviour(status=503, every=2)) as sink:
        for _ in range(4):
            await post(client, sink, otlp("a", "b"))
        line = "4 spans in 4 requests, 2 not taken, largest 2, 1 of 1 connections open"
        assert progress_line(sink) == line


async def test_texts_are_kept_where_the_flag_says_so():
    for flags, kept in ([], []), (["--texts"], [{"id": "a", "trace_id": "t", "name": "n", "start_timestamp": START}]):
        async with parsed("--listen", "127.0.0.1:0", *flags) as sink, aiohttp.ClientSession() as client:
            span = {"id": "a", "trace_id": "t", "name": "n", "start_timestamp": START}
            async with client.put(sink.url + "/v5/spans/batch", json={"items": [span]}) as answer:
                assert answer.status == 200
            assert sink.rows()["sgp"] == kept
