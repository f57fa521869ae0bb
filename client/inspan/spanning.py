"""Around a block or a function: a span that starts, is current, and ends, whatever happens inside.

House rule: an exception of the agent passes through as if we were not there.
"""

import functools
import inspect
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import Token
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from inspan.span import CURRENT, Span, new_id, new_trace

P = ParamSpec("P")
R = TypeVar("R")


Words = tuple[str, str | None, Any, dict[str, Any]]  # name, type, input, metadata


class Recorder(Protocol):
    """What spans are recorded with. life: anew in a forked process. starts: whether starts are recorded too."""

    @property
    def life(self) -> object: ...

    @property
    def starts(self) -> bool: ...

    def record(self, span: Span) -> bool: ...


class Spanning:
    """What `Client.span` returns: enter it, with `with` or `async with`, or decorate a function, coroutine function,
    generator function or asynchronous one; then each call is a span.

    parent: the one above, or its id; None: the current one, where it is of this trace. trace_id: None: the parent's, or
    a new one.
    """

    __slots__ = ("_began", "_life", "_parent", "_recorder", "_span", "_token", "_trace_id", "_words")

    def __init__(self, recorder: Recorder, words: Words, parent: Span | str | None, trace_id: str | None) -> None:
        self._recorder = recorder
        self._words = words
        self._parent = parent
        self._trace_id = trace_id
        self._span: Span | None = None
        self._token: Token[Span | None] | None = None

    def __repr__(self) -> str:
        return f"<Spanning {self._words[0]!r} {'open' if self._span is not None else 'not entered'}>"

    def __enter__(self) -> Span:
        span = self.begin()
        self._token = CURRENT.set(span)
        return span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            try:  # noqa: SIM105  suppress() costs a tenth of a span
                CURRENT.reset(token)
            except ValueError:  # left in another context than entered: there it is not current
                pass
        self.finish(error)

    async def __aenter__(self) -> Span:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isasyncgenfunction(function):
            wrapped = _around_async_generator(self, function)
        elif inspect.isgeneratorfunction(function):
            wrapped = _around_generator(self, function)
        elif inspect.iscoroutinefunction(function):
            wrapped = _around_coroutine(self, function)
        else:
            wrapped = _around_function(self, function)
        return cast(Callable[P, R], functools.wraps(function)(wrapped))

    def again(self) -> "Spanning":
        """The same, not entered."""
        return Spanning(self._recorder, self._words, self._parent, self._trace_id)

    def begin(self) -> Span:
        """Start the span, without making it current."""
        trace_id, parent_id = self._place()
        name, kind, given, metadata = self._words
        span = Span(
            name=name,
            id=new_id(),
            trace_id=trace_id,
            parent_id=parent_id,
            start_timestamp=datetime.now(UTC),
            type=kind,
            input=given,
            metadata=metadata.copy(),  # each call of a decorated function has its own
        )
        self._began = time.perf_counter()
        self._span = span
        self._life = self._recorder.life
        if self._recorder.starts:
            self._recorder.record(span)
        return span

    def finish(self, error: BaseException | None) -> None:
        """End the span, and record it. Its end is its start and what has passed: no clock is set back in between."""
        span, self._span = self._span, None
        if span is None or self._life is not self._recorder.life:
            return  # not open; or open since before a fork, where its parent process ends it
        if error is not None and span.status is None:
            _blame(span, error)
        span.status = span.status or "SUCCESS"
        span.input, span.output = _object(span.input), _object(span.output)
        span.end_timestamp = span.start_timestamp + timedelta(seconds=time.perf_counter() - self._began)
        self._recorder.record(span)

    def _place(self) -> tuple[str, str | None]:
        """(trace, parent's id)."""
        parent, trace_id = self._parent, self._trace_id
        if isinstance(parent, str):
            return trace_id or new_trace(), parent
        if parent is None:
            parent = CURRENT.get()
            if parent is not None and trace_id is not None and parent.trace_id != trace_id:
                parent = None
        if parent is None:
            return trace_id or new_trace(), None
        return parent.trace_id, parent.id


def _blame(span: Span, error: BaseException) -> None:
    if isinstance(error, GeneratorExit):
        return  # a generator that was not read to its end
    if any(kind.__name__ == "CancelledError" for kind in type(error).__mro__):  # asyncio's, which need not be imported
        span.status = "CANCELED"
    else:
        span.fail(error)


def _object(value: Any) -> Any:
    """SGP takes objects, and arrays of them; anything else is the value of one."""
    return value if value is None or isinstance(value, dict | list) else {"value": value}


def _around_function(spanning: Spanning, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with spanning.again():
            return function(*args, **kwargs)

    return call


def _around_coroutine(spanning: Spanning, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> Any:
        with spanning.again():
            return await function(*args, **kwargs)

    return call


# A generator shares the context of who reads it: its span is current while it runs, and not while its reader does.


def _around_generator(spanning: Spanning, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        once = spanning.again()
        span = once.begin()
        generator = function(*args, **kwargs)
        step, sent = generator.send, None
        try:
            while True:
                token = CURRENT.set(span)
                try:
                    made = step(sent)
                finally:
                    CURRENT.reset(token)
                try:
                    step, sent = generator.send, (yield made)
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as error:  # noqa: BLE001  thrown in by the reader, and handed on
                    step, sent = generator.throw, error
        except StopIteration as stop:
            once.finish(None)
            return stop.value
        except BaseException as error:
            once.finish(error)
            raise

    return call


def _around_async_generator(spanning: Spanning, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        once = spanning.again()
        span = once.begin()
        generator = function(*args, **kwargs)
        step, sent = generator.asend, None
        try:
            while True:
                token = CURRENT.set(span)
                try:
                    made = await step(sent)
                finally:
                    CURRENT.reset(token)
                try:
                    step, sent = generator.asend, (yield made)
                except GeneratorExit:
                    await generator.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001  the same
                    step, sent = generator.athrow, error
        except StopAsyncIteration:
            once.finish(None)
        except BaseException as error:
            once.finish(error)
            raise

    return call
