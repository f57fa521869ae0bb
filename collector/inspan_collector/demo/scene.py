"""What stands on the stage: the configuration of the sidecar, the moods of the upstream, the agents."""

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from inspan.wire import MAX_SOCKET_PATH, TRACES
from inspan_collector.sink.behaviour import Behaviour

OTLP: Final = "otlp"  # the destination that takes what has ended: span_json is translated for it
SGP: Final = "sgp"  # the one that takes each copy of span_json, which the dialect spans brings, and merges them
DIALECTS: Final = {OTLP: "otlp", SGP: "spans"}  # what the agents are called after, and what they speak
TAKES: Final = {OTLP: "ended spans", SGP: "starts and ends"}  # what a destination is offered, for people

OUTAGE: Final = (0.4, 0.55)  # of the time: late enough to have seen how it is usually, early enough to see it heal
DELAY: Final = "20ms-80ms"  # what an upstream in the next region takes
EVERY: Final = 20  # batches to a 503
WAIT: Final = "250ms"  # that goes with them

SDK: Final = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http", "requests")


class Mood(NamedTuple):
    """begin: seconds after the start. words: for people, after "the upstream". bad: nothing gets through."""

    begin: float
    words: str
    behaviour: Behaviour
    bad: bool = False


def moods(seconds: float, seed: int) -> list[Mood]:
    """How the upstream behaves when: mostly well, and for a while not at all."""
    usual = Behaviour(delay=DELAY, status=503, every=EVERY, retry_after=WAIT, seed=seed)
    out = Behaviour(delay=DELAY, status=503, seed=seed)
    words = f"answers after {DELAY}, each {EVERY}th batch with 503"
    return [
        Mood(0.0, words, usual),
        Mood(OUTAGE[0] * seconds, "is out of order: it answers 503 to everything", out, bad=True),
        Mood(OUTAGE[1] * seconds, words, usual),
    ]


def configuration(socket: Path, upstream: str) -> bytes:
    """What a user would write for two upstreams, as JSON, which is YAML."""
    shared = {"concurrency": 4, "retry": {"initial": "200ms", "max": "1s"}}  # a backoff that a person can watch
    return msgspec.json.encode(
        {
            "socket": {"path": str(socket), "mode": "0600"},
            "admin": {"listen": "127.0.0.1:0"},
            "destinations": [
                {"name": OTLP, "kind": "otlp", "url": upstream + TRACES, **shared},
                {"name": SGP, "kind": "sgp", "url": upstream, "account_id": "demo", **shared},
            ],
        }
    )


def agents(socket: Path, seconds: float, seed: int) -> dict[str, list[str]]:
    """The module and arguments of each agent, by the destination that its spans go to."""
    package = "inspan_collector.demo.agents"
    told = ["--socket", str(socket), "--seconds", str(seconds), "--seed"]
    otlp = [f"{package}.sdk"] if has_sdk() else [f"{package}.plain", "--speak", "otlp"]
    return {
        OTLP: [*otlp, *told, str(seed)],
        SGP: [f"{package}.plain", "--speak", "json", *told, str(seed + 1)],
    }


def has_sdk() -> bool:
    """Whether the OpenTelemetry SDK and its exporter can be imported here."""
    try:
        return all(find_spec(name) is not None for name in SDK)
    except ModuleNotFoundError:
        return False  # a parent package is missing


def directory() -> "tempfile.TemporaryDirectory[str]":
    """A temporary directory whose path leaves room for that of a socket."""
    made = tempfile.TemporaryDirectory(prefix="inspan-demo-")
    if len(made.name.encode()) + len("/inspan.sock") <= MAX_SOCKET_PATH:
        return made
    made.cleanup()
    return tempfile.TemporaryDirectory(prefix="inspan-demo-", dir="/tmp")  # TMPDIR was too long
