"""What the agent beside inspan records of a span."""

from typing import Any

from bench.contents import Contents
from bench.peers.inspan_agent import Agent
from bench.schedule import Planned

SPANS = [Planned("t", None, 0.0, 9.0), Planned("t", 0, 1.0, 2.0)]


async def _recorded() -> list[dict[str, Any]]:
    """Each as it was when it was recorded."""
    found: list[dict[str, Any]] = []
    agent = Agent(lambda span: found.append(span.copy()), SPANS, Contents(7))
    await agent.start(0)
    await agent.start(1)
    await agent.end(1)
    return found


async def test_a_start_has_no_end_and_an_end_has_both() -> None:
    _, start, end = await _recorded()
    assert (start["id"], start["trace_id"]) == (end["id"], end["trace_id"])
    assert "end_timestamp" not in start
    assert start["output"] == {}
    assert end["start_timestamp"] == start["start_timestamp"] < end["end_timestamp"]
    assert end["output"]["content"]


async def test_a_span_names_its_parent_and_the_first_has_none() -> None:
    first, second, _ = await _recorded()
    assert "parent_id" not in first
    assert second["parent_id"] == first["id"]
