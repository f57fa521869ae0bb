"""Spans to files: what is in them, how they rotate, and what a disk that says no does to them."""

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.collector.exporters.upstream import exporting
from tests.collector.rig import Running
from tests.collector.sink.posts import otlp, otlp_json, otlp_request, sgp_span

from inspan_collector.errors import Later, StartError


def records(path: Path) -> list[bytes]:
    """The messages of a length-delimited file. Fails on a torn one."""
    raw, found = path.read_bytes(), []
    while raw:
        size = shift = 0
        while True:
            byte, raw = raw[0], raw[1:]
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        assert len(raw) >= size, "a torn record"
        found.append(raw[:size])
        raw = raw[size:]
    return found


def to(home: Path, **more: object) -> dict[str, object]:
    return {"name": "file", "kind": "file", "path": str(home), "batch": {"linger": 0}} | more


async def test_protobuf_is_length_delimited_and_the_official_classes_read_it(tmp_path: Path) -> None:
    bodies = [otlp("a"), otlp("b", "c"), otlp("d" * 300), otlp("e" * 20_000)]
    async with exporting(None, "file", path=str(tmp_path)) as (send, _):
        for body in bodies:
            await send(body)
    assert records(tmp_path / "otlp.pb") == bodies
    assert ExportTraceServiceRequest.FromString(records(tmp_path / "otlp.pb")[1]) == otlp_request("b", "c")


async def test_otlp_json_is_one_request_a_line(tmp_path: Path) -> None:
    pretty = json.dumps(json.loads(otlp_json("b")), indent=2).replace("\n", "\r\n").encode()
    async with exporting(None, "file", path=str(tmp_path)) as (send, _):
        await send(otlp_json("a"), "otlp_json")
        await send(pretty, "otlp_json")
    lines = (tmp_path / "otlp.jsonl").read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == [json.loads(otlp_json("a")), json.loads(otlp_json("b"))]
    assert json_format.Parse(lines[0], ExportTraceServiceRequest()).resource_spans


async def test_span_json_is_one_span_a_line(tmp_path: Path) -> None:
    spans = [sgp_span("s1", input={"text": "two\nlines\u2028 and\x85 more"}), sgp_span("s2"), sgp_span("s3")]
    async with exporting(None, "file", path=str(tmp_path)) as (send, exporter):
        assert not exporter.upserts
        await send(json.dumps(spans[:2], indent=1).encode(), "span_json")
        await send(json.dumps(spans[2:], ensure_ascii=False).encode(), "span_json")
    text = (tmp_path / "spans.jsonl").read_text()
    assert [json.loads(line) for line in text.removesuffix("\n").split("\n")] == spans


async def test_files_rotate_and_the_oldest_go(tmp_path: Path) -> None:
    rotate = {"max_bytes": 300, "keep": 2}
    async with exporting(None, "file", path=str(tmp_path), rotate=rotate) as (send, _):
        for number in range(1, 11):
            await send(otlp("x" * 150, first=number))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["otlp.pb", "otlp.pb.1", "otlp.pb.2"]
    kept = [records(tmp_path / name) for name in ("otlp.pb.2", "otlp.pb.1", "otlp.pb")]
    assert [len(each) for each in kept] == [2, 2, 2]
    assert [body for each in kept for body in each] == [otlp("x" * 150, first=number) for number in range(5, 11)]


async def test_what_cannot_be_rotated_is_written_nowhere_so_that_trying_again_makes_no_copy(tmp_path: Path) -> None:
    (tmp_path / "otlp.pb").write_bytes(bytes(10))
    (tmp_path / "otlp.pb.1").mkdir()
    async with exporting(None, "file", path=str(tmp_path), rotate={"max_bytes": 5, "keep": 1}) as (send, _):
        for _ in range(3):
            with pytest.raises(Later):
                await send(otlp("a"))
        assert (tmp_path / "otlp.pb").stat().st_size == 10
        (tmp_path / "otlp.pb.1").rmdir()
        await send(otlp("a"))
    assert records(tmp_path / "otlp.pb") == [otlp("a")]


async def test_a_device_without_space_is_later_and_says_why(tmp_path: Path) -> None:
    try:
        os.mknod(tmp_path / "otlp.pb", stat.S_IFCHR | 0o600, Path("/dev/full").stat().st_rdev)
    except PermissionError:
        pytest.skip("a device can be made by root alone")
    async with exporting(None, "file", path=str(tmp_path)) as (send, _):
        with pytest.raises(Later, match=r"otlp\.pb: No space left on device"):
            await send(otlp("a"))


FULL = """
import asyncio, resource, sys
from pathlib import Path
from inspan_collector.errors import Later
from inspan_collector.formats import FORMATS
from tests.collector.exporters.upstream import exporting
from tests.collector.sink.posts import otlp

LIMIT = int(sys.argv[2])

async def main():
    async with exporting(None, "file", path=sys.argv[1]) as (send, _):
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))
        path = Path(sys.argv[1]) / "otlp.pb"
        first = 1
        while True:
            try:
                await send(otlp("x" * int(sys.argv[3]), first=first))
            except Later as error:
                print(error, path.stat().st_size)
                break
            first += 1
        # Smaller ones fit still, and the larger one once there is room.
        await send(otlp("small", first=first))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await send(otlp("x" * int(sys.argv[3]), first=first + 1))

asyncio.run(main())
"""


@pytest.mark.parametrize("size", [1000, 20_000], ids=["smaller than a buffer", "larger"])
def test_a_disk_that_fills_up_in_the_middle_of_a_record_leaves_no_half_of_it(tmp_path: Path, size: int) -> None:
    """A real limit of the kernel, in a process of its own: a part is written, and then the write fails."""
    command = [sys.executable, "-c", FULL, str(tmp_path), str(size * 5 + size // 2), str(size)]
    run = subprocess.run(command, capture_output=True, check=True, text=True)
    assert "otlp.pb: File too large" in run.stdout
    found = [ExportTraceServiceRequest.FromString(body) for body in records(tmp_path / "otlp.pb")]
    spans = [request.resource_spans[0].scope_spans[0].spans[0] for request in found]
    assert [len(span.name) for span in spans] == [size] * 5 + [5, size]
    assert [int.from_bytes(span.span_id, "big") for span in spans] == [1, 2, 3, 4, 5, 6, 7]


async def test_a_disk_that_heals_gets_everything_once(tmp_path: Path) -> None:
    home = tmp_path / "spans"
    retry = {"initial": "10ms", "max": "20ms"}
    async with Running(tmp_path, to(home, retry=retry)) as running:
        home.mkdir(exist_ok=True)
        (home / "otlp.pb").symlink_to("/dev/full")
        for number in range(1, 6):
            assert (await running.post(otlp("a", first=number))).status == 200
        await running.until(lambda: "gate_shut" in running.events())
        (home / "otlp.pb").unlink()
        await running.until(lambda: running.books("file").get("delivered") == 5)
        spans = [
            span.span_id
            for body in records(home / "otlp.pb")
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for span in resource.scope_spans[0].spans
        ]
        assert sorted(spans) == [number.to_bytes(8, "big") for number in range(1, 6)]


async def test_many_writes_at_once_do_not_interleave(tmp_path: Path) -> None:
    bodies = [otlp("x" * 100 * number, first=number) for number in range(1, 40)]
    async with exporting(None, "file", path=str(tmp_path)) as (send, _):
        await asyncio.gather(*map(send, bodies))
    assert sorted(records(tmp_path / "otlp.pb")) == sorted(bodies)


async def test_an_attempt_that_is_cut_off_still_leaves_a_whole_record(tmp_path: Path) -> None:
    body = otlp("x" * 3_000_000)
    async with exporting(None, "file", path=str(tmp_path)) as (send, _):
        attempt = asyncio.create_task(send(body))
        await asyncio.sleep(0)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
    assert not (tmp_path / "otlp.pb").exists() or records(tmp_path / "otlp.pb") == [body]


async def test_a_directory_that_cannot_be_made_is_an_error_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="destination up: cannot make"):
        async with exporting(None, "file", path=str(tmp_path / "file" / "below")):
            pass
