"""Datadog's test agent in a process of its own: an upstream that is not ours."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.process import Process, answers, found, free_ports, get


@contextlib.contextmanager
def running_ddapm(folder: Path) -> Iterator[str]:
    """The URL of one that listens, without the path; its log goes to the folder."""
    program = found("INSPAN_TEST_DDAPM", "ddapm-test-agent")
    assert program, "ddapm-test-agent is not installed: `make test` does, and names it in INSPAN_TEST_DDAPM"
    api, otlp, grpc = free_ports(3)
    ports = ["--port", str(api), "--otlp-http-port", str(otlp), "--otlp-grpc-port", str(grpc)]
    url = f"http://127.0.0.1:{otlp}"
    with Process([program, *ports], folder / "ddapm.log") as process:
        process.until(lambda: answers(url + "/test/session/requests"))
        yield url


def forget(url: str) -> None:
    """Let go of all that was sent so far."""
    get(url + "/test/session/clear")


def requests(url: str) -> list[Any]:
    """Every request that came, with its headers and its body."""
    came: list[Any] = json.loads(get(url + "/test/session/requests"))
    return came


def decoded(url: str) -> list[Any]:
    """What it read in each export request, in its own JSON: OTLP JSON as it came, protobuf in snake_case."""
    read: list[Any] = json.loads(get(url + "/test/session/traces"))
    return read
