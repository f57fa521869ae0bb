"""An attempt that failed leaves nothing behind: an upstream that is gone for hours fails thousands."""

import asyncio
import gc
import json
import sys
from collections.abc import Iterator

import pytest
from tests.collector.sink.posts import otlp

from inspan_collector.config.load import load
from inspan_collector.errors import Isolate, Later
from inspan_collector.exporters.otlp import otlp_exporter
from inspan_collector.formats import FORMATS
from inspan_collector.sink import Sink
from inspan_collector.sink.behaviour import Behaviour

NOBODY = "http://127.0.0.1:9"  # discard's port


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    """What is in a cycle stays: the sidecar's collector comes by rarely, and counts no bytes."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    ("behaviour", "raised"),
    [
        (None, Later),
        (Behaviour(status=503), Later),
        (Behaviour(reset_every=1), Later),
        (Behaviour(garbage_every=1), None),
        (Behaviour(hang_every=1), Later),
        (Behaviour(status=400), Isolate),
    ],
    ids=["nobody listens", "503", "reset", "nonsense", "no answer", "400"],
)
async def test_a_failed_attempt_lets_go_of_its_body(
    behaviour: Behaviour | None, raised: type[Exception] | None
) -> None:
    async with Sink(behaviour or Behaviour()) as sink:
        url = sink.url if behaviour else NOBODY
        tree = {"name": "up", "kind": "otlp", "url": f"{url}/v1/traces", "compression": "none", "timeout": "200ms"}
        (config,) = load(json.dumps({"destinations": [tree]}), "test", {}).destinations
        exporter = otlp_exporter(config)
        body = otlp("a")
        held = sys.getrefcount(body)
        for _ in range(3):
            attempt = asyncio.create_task(exporter.send(FORMATS["otlp_protobuf"], body, 1))
            await asyncio.wait({attempt})
            assert raised is None or isinstance(attempt.exception(), raised)
        del attempt
        await exporter.close()
        await asyncio.sleep(0)  # callbacks of what was closed
        assert sys.getrefcount(body) == held
