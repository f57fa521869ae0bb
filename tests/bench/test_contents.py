"""The size of what an agent's spans say."""

import asyncio
from typing import Any

import msgspec
import pytest
from bench.contents import Contents
from bench.peers.inspan_agent import Agent
from bench.schedule import SPANS, plan


class Kept:
    """Keeps copies, as the client encodes them."""

    def __init__(self) -> None:
        self.copies: list[bytes] = []

    def record(self, span: dict[str, Any]) -> None:
        self.copies.append(msgspec.json.encode(span))


def _recorded() -> list[bytes]:
    """A start and an end for each of some spans."""
    spans, kept = plan(42, 3, seed=7), Kept()
    agent = Agent(kept.record, spans, Contents(7))

    async def record() -> None:
        for position in range(len(spans)):
            await agent.start(position)
            await agent.end(position)

    asyncio.run(record())
    return kept.copies


def test_the_ended_spans_of_one_request_make_nine_kilobytes() -> None:
    ends = _recorded()[1::2]
    assert SPANS * sum(map(len, ends)) / len(ends) == pytest.approx(9000, rel=0.05)


def test_a_start_has_no_end_and_its_end_has_all_that_the_start_had() -> None:
    start, end = (msgspec.json.decode(copy) for copy in _recorded()[:2])
    assert "end_timestamp" not in start
    assert start.items() <= (end | {"output": {}}).items()
    assert end["output"]
    assert end["end_timestamp"] >= end["start_timestamp"]
