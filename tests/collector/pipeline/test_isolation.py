"""Spans that can never be sent: found without the upstream, which therefore learns and shows nothing."""

import asyncio

from tests.collector.pipeline.rig import Rig
from tests.collector.pipeline.upstream import Upstream
from tests.virtual_time import run

from inspan_collector import translate
from inspan_collector.errors import UNSENT, Isolate, Later
from inspan_collector.formats import Format


def spans(*numbers: int, start: str = "2026-01-01T00:00:00Z") -> bytes:
    one = '{"id":"%d","trace_id":"t","start_timestamp":"%s","end_timestamp":"2026-01-01T00:00:01Z"}'
    return b"[" + ",".join(one % (number, start) for number in numbers).encode() + b"]"


class Translating(Upstream):
    """Sends nothing that cannot be translated, and what it sends as it is."""

    def faults(self, format: Format, body: bytes) -> list[tuple[int, str]]:
        return translate.faults(body)

    async def encode(self, format: Format, body: bytes) -> bytes:
        if self.faults(format, body):
            raise Isolate(UNSENT, "cannot be translated")
        return body


def test_spans_that_cannot_be_sent_are_quarantined_and_their_neighbours_delivered() -> None:
    async def main() -> None:
        rig = Rig(upstream := Translating())
        for body in (spans(1, 2), spans(3, start="soon"), spans(4)[:-1] + b"," + spans(5, start="")[1:], spans(6)):
            rig.post(format="span_json", body=body)
        await asyncio.sleep(1)
        assert [sorted(request) for request in upstream.requests] == [[1, 2, 4, 6]]
        kept = list(rig.destination.quarantine.kept.values())
        assert [(each.status, each.spans) for each in kept] == [(UNSENT, 1), (UNSENT, 1)]
        assert "cannot be sent in the upstream's format: start_timestamp: expected" in kept[0].message
        assert 'found "soon"' in kept[0].message
        assert kept[0].body == spans(3, start="soon")
        assert rig.kinds() == ["quarantined", "quarantined"]
        assert rig.destination.tally.failures == 0
        assert await rig.drained() == {"enqueued": 6, "delivered": 4, "quarantined": 2}

    run(main())


def test_a_batch_that_was_never_sent_opens_no_gate_and_lets_the_next_one_probe() -> None:
    async def main() -> None:
        down = True

        def rule(upstream: Upstream, found: list[int]) -> None:
            if down:
                raise Later("503", retry_after=5.0)

        rig = Rig(upstream := Translating(rule), concurrency=1)
        rig.post(format="span_json", body=spans(1))
        await asyncio.sleep(1)
        assert rig.destination.gate.state == "shut"
        rig.post(format="span_json", body=spans(2, 3, start="soon"))
        await asyncio.sleep(30)
        assert rig.books() == {"enqueued": 3, "in_flight": 1, "quarantined": 2}
        assert rig.destination.gate.state == "shut"
        assert rig.kinds().count("gate_shut") == 1
        down = False
        await asyncio.sleep(30)
        assert upstream.taken == [1]
        assert await rig.drained() == {"enqueued": 3, "delivered": 1, "quarantined": 2}

    run(main())
