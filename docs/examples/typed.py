"""Everything an agent's author has of inspan, as a strict type checker sees it: run by pyright in `make check`.

It also runs: beside a sidecar its spans are sent, without one they wait, and are counted when it ends.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Final, assert_type

import inspan

DAY: Final = {"start_timestamp": "2026-05-04T00:00:00Z", "end_timestamp": "2026-05-05T00:00:00Z"}

client = inspan.Client(service="typed")


@client.span("plan", type="AGENT_WORKFLOW")
def plan(question: str, *, steps: int = 2) -> list[str]:
    """A function: a span for each call."""
    return [f"{question} {step}" for step in range(steps)]


@client.span("llm.chat", type="COMPLETION")
async def chat(prompt: str) -> str:
    """A coroutine: until it has returned."""
    await asyncio.sleep(0)
    return prompt.upper()


@client.span("read")
def read(pages: int) -> Iterator[bytes]:
    """A generator: until it is exhausted or closed."""
    for page in range(pages):
        yield bytes(page)


@client.span("stream")
async def stream(text: str) -> AsyncIterator[str]:
    """An async generator: the same."""
    for word in text.split():
        yield word


async def turn(question: str) -> str:
    """One turn of the agent, with a span of its own round those of what it calls."""
    async with client.span("agent.turn", input={"question": question}, metadata={"turn": 1}) as span:
        assert_type(span, inspan.Span)
        steps = plan(question, steps=3)
        assert_type(steps, list[str])
        answer = await chat(steps[-1])
        assert_type(answer, str)
        words = [word async for word in stream(answer)]
        assert_type(words, list[str])
        span.output = {"answer": answer}
    return answer


def main() -> None:
    """A turn, a span inside a span, one that was made elsewhere; then the books."""
    assert_type(asyncio.run(turn("why")), str)
    with client.span("outer") as outer, client.span("inner", parent=outer) as inner:
        assert_type(outer, inspan.Span)
        inner.metadata = {"current": inspan.current() is inner, "of": outer.id}
        size = sum(len(page) for page in read(3))
    kept = client.record({"id": "1", "trace_id": "t", "name": "elsewhere", "output": {"size": size}, **DAY})
    assert_type(kept, bool)
    assert_type(client.flush(timeout=0.5), bool)
    assert_type(client.close(timeout=0.5), bool)
    stats = client.stats()
    assert_type(stats, inspan.Stats)
    assert_type(stats.dropped, dict[str, int])
    print(stats.recorded, "recorded,", stats.accepted, "taken,", sum(stats.dropped.values()), "lost")


async def wrong() -> None:
    """What a type checker has to refuse: it complains of an `ignore` that it does not need. Never called."""
    client.record("a text")  # pyright: ignore[reportArgumentType]
    client.span()  # pyright: ignore[reportCallIssue]
    client.flush("2 s")  # pyright: ignore[reportArgumentType]
    plan(1)  # pyright: ignore[reportArgumentType]  a decorated function keeps its parameters
    plan("why", step=1)  # pyright: ignore[reportCallIssue]
    await plan("why")  # pyright: ignore[reportGeneralTypeIssues]  and what it returns
    with client.span("one") as span:
        span.status = "DONE"  # pyright: ignore[reportAttributeAccessIssue]
        span.outptu = {}  # pyright: ignore[reportAttributeAccessIssue]


if __name__ == "__main__":
    main()
