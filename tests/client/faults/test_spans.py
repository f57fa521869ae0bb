"""Spans round blocks and functions that end in every way there is: the agent's own errors pass through, each span that
began ends, once, and its parent is right."""

import asyncio
import contextvars
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.client.faults import values

import inspan
from inspan.dialects import Entry


class Recorded:
    """A client that nobody listens to, and what it was given: the ends, by name, and how often each began."""

    def __init__(self, folder: Path) -> None:
        self.client = inspan.Client(folder / "nowhere")
        self.began: list[str] = []
        self.ended: dict[str, dict[str, Any]] = {}
        put = self.client.life.put

        def noting(entry: Entry) -> bool:
            span = msgspec.json.decode(entry[1])
            if "end_timestamp" in span:
                assert span["id"] not in {each["id"] for each in self.ended.values()}, "it ended twice"
                begin, end = (datetime.fromisoformat(span[f"{each}_timestamp"]) for each in ("start", "end"))
                assert end >= begin
                self.ended[span["name"]] = span
            else:
                self.began.append(span["name"])
            return put(entry)

        self.client.life.put = noting

    def check(self) -> None:
        assert sorted(self.began) == sorted(self.ended)
        assert inspan.current() is None
        stats = self.client.stats()
        assert stats.recorded == stats.queued + stats.in_flight == 2 * len(self.ended)

    def below(self, name: str, parent: str) -> bool:
        """Whether one is the other's child."""
        child, above = self.ended[name], self.ended[parent]
        return bool(child.get("parent_id") == above["id"] and child["trace_id"] == above["trace_id"])


@pytest.fixture
def to(tmp_path: Path) -> Iterator[Recorded]:
    made = Recorded(tmp_path)
    yield made
    made.check()
    made.client.close(0)


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("why"), "ERROR"),
        (Unprintable(), "ERROR"),
        (SystemExit(3), "ERROR"),
        (KeyboardInterrupt(), "ERROR"),
        (asyncio.CancelledError(), "CANCELED"),
        (StopIteration(), "ERROR"),
    ],
)
def test_an_error_passes_through_and_is_told(to: Recorded, error: BaseException, status: str) -> None:
    with pytest.raises(type(error)) as caught, to.client.span("a"):
        raise error
    assert caught.value is error
    span = to.ended["a"]
    assert span["status"] == status
    if status == "ERROR":
        assert span["metadata"]["error_type"] == type(error).__name__
        assert span["metadata"]["error_where"].startswith(__file__)


@pytest.mark.parametrize("at", range(len(values.ODD)))
@pytest.mark.parametrize(
    "member", ["name", "start_timestamp", "end_timestamp", "input", "output", "metadata", "status", "type", "parent_id"]
)
def test_whatever_the_agent_puts_into_an_open_span_the_block_ends_as_it_would(
    tmp_path: Path, at: int, member: str
) -> None:
    client = inspan.Client(tmp_path / "nowhere")
    with client.span("a") as span:
        setattr(span, member, values.ODD[at]())
    with pytest.raises(ZeroDivisionError), client.span("b") as span:  # noqa: PT012  the block is what is tested
        setattr(span, member, values.ODD[at]())
        raise ZeroDivisionError
    assert client.stats().queued + client.stats().in_flight == 4
    client.close(0)


@pytest.mark.parametrize("at", range(len(values.ODD)))
def test_whatever_a_span_is_begun_with_it_begins(tmp_path: Path, at: int) -> None:
    client = inspan.Client(tmp_path / "nowhere")
    odd: Any = values.ODD[at]
    for words in ({"input": odd()}, {"metadata": {"a": odd()}}, {"parent": odd()}, {"trace_id": odd()}):
        with client.span("a", **words):
            pass
    with client.span(odd()):
        pass
    stats = client.stats()
    assert stats.recorded == stats.queued + stats.in_flight + sum(stats.dropped.values()) == 10
    client.close(0)


def test_spans_of_tasks_and_threads_have_the_parents_that_they_began_in(to: Recorded) -> None:
    async def leaf(name: str) -> None:
        async with to.client.span(name):
            await asyncio.sleep(0)

    async def branch(name: str) -> None:
        async with to.client.span(name):
            await asyncio.gather(*(leaf(f"{name}.{n}") for n in range(3)))

    async def main() -> None:
        with to.client.span("root"):
            await asyncio.gather(*(branch(f"b{n}") for n in range(3)))

    asyncio.run(main())
    assert all(to.below(f"b{n}", "root") for n in range(3))
    assert all(to.below(f"b{n}.{m}", f"b{n}") for n in range(3) for m in range(3))

    def thread() -> None:
        with to.client.span("lone"):
            pass

    with to.client.span("above"):
        run = contextvars.copy_context().run
        threads = [threading.Thread(target=thread)]
        threads += [threading.Thread(target=run, args=(lambda: to.client.span("taken along")(int)(),))]
        for each in threads:
            each.start()
            each.join()
    assert "parent_id" not in to.ended["lone"]
    assert to.below("taken along", "above")


def test_a_cancelled_task_ends_its_spans(to: Recorded) -> None:
    async def wait() -> None:
        async with to.client.span("a"), to.client.span("b"):
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert {each["status"] for each in to.ended.values()} == {"CANCELED"}


def test_functions_of_all_four_kinds_as_methods_too_are_spans(to: Recorded) -> None:  # noqa: C901  many, and each plain
    span = to.client.span

    class Agent:
        @span("function")
        def function(self, a: int) -> int:
            with span("in function"):
                return a + 1

        @span("coroutine")
        async def coroutine(self, a: int) -> int:
            with span("in coroutine"):
                await asyncio.sleep(0)
                return a + 1

        @span("generator")
        def generator(self, a: int) -> Iterator[int]:
            with span("in generator"):
                yield a
                with span("further in"):
                    yield a + 1

        @span("agenerator")
        async def agenerator(self, a: int) -> AsyncIterator[int]:
            with span("in agenerator"):
                yield a
                await asyncio.sleep(0)
                with span("further ina"):
                    yield a + 1

        @span("static")
        @staticmethod
        def static(a: int) -> int:
            return a + 1

        @staticmethod
        @span("static too")
        def static_too(a: int) -> int:
            return a + 1

        @span("class")
        @classmethod
        def made(cls, a: int) -> tuple[type, int]:
            return cls, a + 1

    agent = Agent()

    async def main() -> None:
        assert await agent.coroutine(1) == 2
        read = []
        async for each in agent.agenerator(1):
            assert inspan.current() is None
            read.append(each)
        assert read == [1, 2]

    assert agent.function(1) == Agent.static(1) == agent.static_too(1) == 2
    assert agent.made(1) == (Agent, 2)
    for each in agent.generator(1):
        assert each
        assert inspan.current() is None, "its reader is not in it"
    asyncio.run(main())
    for kind, deeper in (
        ("function", ""),
        ("coroutine", ""),
        ("generator", "further in"),
        ("agenerator", "further ina"),
    ):
        assert to.below(f"in {kind}", kind)
        assert not deeper or to.below(deeper, f"in {kind}"), "what was open over a yield is still the parent"


def test_generators_hand_on_what_is_sent_thrown_and_returned(to: Recorded) -> None:
    @to.client.span("a")
    def generator() -> Any:
        got = yield 1
        try:
            yield got
        except LookupError as error:
            yield repr(error)
        return "end"

    def through() -> Any:
        return (yield from generator())

    reading = through()
    assert next(reading) == 1
    assert reading.send("sent") == "sent"
    assert reading.throw(LookupError("thrown")) == "LookupError('thrown')"
    with pytest.raises(StopIteration) as stop:
        next(reading)
    assert stop.value.value == "end"


def test_a_generator_that_is_left_early_ends_its_span(to: Recorded) -> None:
    cleaned = []

    @to.client.span("a")
    def generator() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            with to.client.span("cleaning"):
                cleaned.append(inspan.current())

    reading = generator()
    next(reading)
    del reading
    gc.collect()
    assert cleaned
    assert to.ended["a"]["status"] == "SUCCESS"
    assert to.below("cleaning", "a")


def test_an_asynchronous_generator_that_is_left_early_ends_its_span(to: Recorded) -> None:
    @to.client.span("a")
    async def generator() -> AsyncIterator[int]:
        try:
            for each in range(10):
                yield each
        finally:
            await asyncio.sleep(0)

    async def main() -> None:
        async for _ in generator():
            break
        gc.collect()

    asyncio.run(main())
    assert to.ended["a"]["status"] == "SUCCESS"


def test_one_that_is_suspended_when_its_loop_ends_ends_its_span(to: Recorded) -> None:
    @to.client.span("a")
    async def generator() -> AsyncIterator[int]:
        with to.client.span("b"):
            yield 1

    kept = []

    async def main() -> None:
        kept.append(generator())
        await anext(kept[0])

    asyncio.run(main())


def test_a_generator_that_is_called_with_wrong_arguments_begins_no_span(to: Recorded) -> None:
    @to.client.span("a")
    def generator(a: int) -> Iterator[int]:
        yield a

    wrong: Callable[..., Any] = generator
    with pytest.raises(TypeError):
        list(wrong(1, 2))


def test_a_coroutine_that_is_closed_in_another_context_ends_its_span_without_an_error(to: Recorded) -> None:
    @to.client.span("a")
    async def coroutine() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> Any:
        made = coroutine()
        contextvars.copy_context().run(made.send, None)
        return made

    asyncio.run(main()).close()


def test_a_block_that_is_left_in_another_context_is_current_in_neither(to: Recorded) -> None:
    block = to.client.span("a")
    context = contextvars.copy_context()
    context.run(block.__enter__)
    block.__exit__(None, None, None)


def test_a_block_that_is_entered_again_is_a_span_each_time(to: Recorded) -> None:
    block = to.client.span("a")
    with block as outer:
        outer.name = "outer"
        with block as inner:
            inner.name = "inner"
            assert inspan.current() is inner
        assert inspan.current() is outer
    to.began[:] = ["outer", "inner"]
    assert to.below("inner", "outer")


def test_tasks_that_share_a_block_have_a_span_each(to: Recorded) -> None:
    block = to.client.span("shared")

    async def task(name: str, turns: int) -> None:
        async with block as span:
            span.name = name
            for _ in range(turns):
                await asyncio.sleep(0)
            assert inspan.current() is span

    async def main() -> None:
        await asyncio.gather(*(task(f"t{n}", turns) for n, turns in enumerate((3, 1, 2))))

    asyncio.run(main())
    to.began[:] = ["t0", "t1", "t2"]


def test_leaving_what_was_not_entered_says_nothing(to: Recorded) -> None:
    to.client.span("a").__exit__(None, None, None)


def test_the_end_is_not_before_the_start_whatever_the_clock_does(to: Recorded) -> None:
    with to.client.span("a") as span:
        span.start_timestamp = datetime(2100, 1, 1, tzinfo=UTC)  # as if the clock were set back meanwhile
    assert to.ended["a"]["end_timestamp"].startswith("2100-01-01T00:00:00")
