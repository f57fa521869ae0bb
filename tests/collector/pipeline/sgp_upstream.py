"""The sink's own judgement at the exporter's seam: the published contract of SGP in virtual time."""

import asyncio
import json
from typing import NamedTuple

from tests.collector.offenders import Span
from tests.collector.pipeline.upstream import Upstream

from inspan_collector.exporters.verdict import raise_for
from inspan_collector.formats import Format
from inspan_collector.receipt import Receipt
from inspan_collector.sink import dialects
from inspan_collector.sink.behaviour import Behaviour
from inspan_collector.sink.mischief import Mischief


class Put(NamedTuple):
    """One request. at: loop time in seconds."""

    at: float
    spans: list[Span]
    body: bytes
    status: int


class SgpUpstream(Upstream):
    """Answers what `inspan sink` would, after `delay` seconds. rules: see Upstream, with no ids."""

    formats = frozenset({"span_json"})
    upserts = True

    def __init__(self, delay: float = 0.01) -> None:
        super().__init__(delay=delay)
        self.contract = dialects.Upstream(api_key=None, unique=True)
        self.puts: list[Put] = []

    async def send(self, format: Format, payload: bytes, spans: int) -> Receipt:
        del format
        at = asyncio.get_running_loop().time()
        await asyncio.sleep(self.delay)
        for rule in self.rules:
            rule(self, [])
        body = b'{"items":%b}' % payload
        verdict = self.contract.judge(_Post(body), Mischief(Behaviour()))
        posted = json.loads(payload)
        assert len(posted) == spans
        self.puts.append(Put(at, posted, payload, verdict.status))
        if verdict.commit is not None:
            verdict.commit()
        raise_for(verdict.status, verdict.body, {}, 0.0)
        return Receipt()

    def delivered(self) -> list[Span]:
        """The copies taken."""
        return [span for put in self.puts if put.status == 200 for span in put.spans]


class _Post:
    def __init__(self, body: bytes) -> None:
        self.method = "PUT"
        self.path = "/v5/spans/batch"
        self.headers: dict[str, str] = {}
        self.body = body
