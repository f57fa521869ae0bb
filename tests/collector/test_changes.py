"""Ends for dead agents through a whole sidecar, where the upstream is in trouble, refuses one, or is AgentEx."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.collector.rig import Running
from tests.collector.test_orphans import JSON, Story, copy

from inspan_collector.quarantine import MemoryQuarantine
from inspan_collector.sink import Behaviour, Sink

NAMES = [f"{number}" for number in range(8)]
LATER = "2999-01-01T00:00:00Z"  # by the clock of an agent: its end is put at its start, and the sink refuses that one
REFUSES = Behaviour(reject_span=LATER, reject_status=422)


async def orphans(story: Story, *names: str, **more: Any) -> None:
    """An agent starts these, which are delivered, and is not heard of again. more: members of the last one."""
    await story.register("gone")
    spans = [copy(name) for name in names]
    spans[-1] |= more
    story.sequence += 1
    headers = {"inspan_agent": "gone", "inspan_sequence": str(story.sequence)}
    assert (await story.running.post(json.dumps(spans).encode(), "/v1/spans", **JSON, **headers)).status == 202
    await story.delivered(len(names))


def ended(sink: Sink) -> set[str]:
    """Ids of the spans that were ended as interrupted."""
    rows = [*sink.rows()["sgp"], *sink.rows()["agentex"]]
    return {row["id"] for row in rows if (row.get("output") or {}).get("error") == "interrupted"}


def quarantined(running: Running) -> list[Any]:
    kept = running.service.pipelines[0].destination.quarantine
    assert isinstance(kept, MemoryQuarantine)
    return [(entry.status, entry.format, json.loads(entry.body)[0]["id"]) for entry in kept.kept.values()]


@pytest.mark.parametrize("kind", ["sgp", "agentex"])
@pytest.mark.parametrize(
    "trouble", [Behaviour(status=503), Behaviour(status=429), Behaviour(reset_every=3), Behaviour(chance="swallow=1")]
)
async def test_ends_that_are_put_off_are_written_when_the_upstream_is_well(
    tmp_path: Path, trouble: Behaviour, kind: str
) -> None:
    async with Sink(texts=True) as sink:
        story = Story(tmp_path, sink, kind=kind)
        async with story.running as running:
            await orphans(story, *NAMES)
            sink.behave(trouble)
            story.fall_silent("gone")
            await running.until(lambda: "gate_shut" in running.events())
            sink.behave(Behaviour())
            await running.until(lambda: ended(sink) == set(NAMES))
            await running.until(lambda: not running.service.view.destinations[0].ledger.held())
            assert running.books()["synthesized"] == 8


async def test_an_end_that_is_refused_is_quarantined_alone_and_what_is_cut_stays_a_change(tmp_path: Path) -> None:
    async with Sink(keep=True) as sink:
        story = Story(tmp_path, sink)
        async with story.running as running:
            await orphans(story, *NAMES, start_timestamp=LATER)
            sink.behave(REFUSES)
            story.fall_silent("gone")
            await running.until(lambda: running.books().get("quarantined") == 1)
            await running.until(lambda: not running.service.view.destinations[0].ledger.held())
            assert ended(sink) == set(NAMES[:-1])
            assert quarantined(running) == [(422, "span_patch", NAMES[-1])]
            assert {seen.method for seen in sink.requests[1:]} == {"GET", "PATCH"}


async def test_a_single_end_that_is_refused_is_condemned_by_spans_that_are_taken(tmp_path: Path) -> None:
    async with Sink(texts=True) as sink:
        story = Story(tmp_path, sink)
        async with story.running as running:
            await orphans(story, "a", start_timestamp=LATER)
            sink.behave(REFUSES)
            story.fall_silent("gone")
            await running.until(lambda: 422 in sink.count().answered)
            await story.post(None, "b.")
            await running.until(lambda: running.books().get("quarantined") == 1)
            assert running.books() == {"enqueued": 2, "synthesized": 1, "delivered": 2, "quarantined": 1}


async def test_at_agentex_they_end_with_words_and_a_true_end_takes_them_back(tmp_path: Path) -> None:
    async with Sink() as sink:
        story = Story(tmp_path, sink, kind="agentex")
        async with story.running as running:
            await orphans(story, "a", "b")
            story.fall_silent("gone")
            await running.until(lambda: ended(sink) == {"a", "b"})
            rows = {row["id"]: row for row in sink.rows()["agentex"]}
            assert all(row["end_time"] for row in rows.values())
            assert (rows["a"]["input"], rows["a"]["data"]) == ({"prompt": "a"}, {"k": 1})
            await story.post("gone", "a.")
            await running.until(lambda: ended(sink) == {"b"})
            (row,) = (row for row in sink.rows()["agentex"] if row["id"] == "a")
            assert (row["output"], row["end_time"]) == ({"answer": 42}, copy("a.")["end_timestamp"])
            assert running.books()["synthesized"] == 2
