"""Around a block or a function: a span that starts, is current, and ends, whatever happens inside.

House rule: an exception of the agent passes through as if we were not there.
"""

import functools
import inspect
import time
from collections.abc import Callable
from contextvars import Token
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from inspan import around
from inspan.span import CURRENT, Span, new_id, new_trace

P = ParamSpec("P")
R = TypeVar("R")


Words = tuple[str, str | None, Any, dict[str, Any]]  # name, type, input, metadata
_Open = tuple[Span, "Token[Span | None] | None", float, object]  # began, and in which life


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

    __slots__ = ("_began", "_life", "_others", "_parent", "_recorder", "_span", "_token", "_trace_id", "_words")

    def __init__(self, recorder: Recorder, words: Words, parent: Span | str | None, trace_id: str | None) -> None:
        self._recorder = recorder
        self._words = words
        self._parent = parent
        self._trace_id = trace_id
        self._span: Span | None = None
        self._began = 0.0
        self._life: object = None
        self._token: Token[Span | None] | None = None
        self._others: tuple[_Open, ...] = ()  # open as well, where it was entered more than once

    def __repr__(self) -> str:
        return f"<Spanning {self._words[0]!r} {'open' if self._span is not None else 'not entered'}>"

    def __enter__(self) -> Span:
        span = self.begin()
        self._token = CURRENT.set(span)
        return span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._others:
            self._choose()
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
        if isinstance(function, staticmethod | classmethod):  # decorated already, and not by us
            return cast(Callable[P, R], type(function)(self(function.__func__)))
        if inspect.isasyncgenfunction(function):
            wrapped = around.async_generator(self, function)
        elif inspect.isgeneratorfunction(function):
            wrapped = around.generator(self, function)
        elif inspect.iscoroutinefunction(function):
            wrapped = around.coroutine(self, function)
        else:
            wrapped = around.function(self, function)
        return cast(Callable[P, R], functools.wraps(function)(wrapped))

    def again(self) -> "Spanning":
        """The same, not entered."""
        return Spanning(self._recorder, self._words, self._parent, self._trace_id)

    def begin(self) -> Span:
        """Start the span, without making it current."""
        try:
            trace_id, parent_id = self._place()
        except Exception:  # noqa: BLE001  what is no span may have any code of its own
            trace_id, parent_id = new_trace(), None
        name, kind, given, metadata = self._words
        span = Span(
            name=name,
            id=new_id(),
            trace_id=trace_id,
            parent_id=parent_id,
            start_timestamp=datetime.now(UTC),
            type=kind,
            input=_object(given),
            metadata=metadata.copy(),  # each call of a decorated function has its own
        )
        if self._span is not None:
            self._others += ((self._span, self._token, self._began, self._life),)
        self._began = time.perf_counter()
        self._span = span
        self._life = self._recorder.life
        if self._recorder.starts:
            self._recorder.record(span)
        return span

    def finish(self, error: BaseException | None) -> None:
        """End the span, and record it. Its end is its start and what has passed: no clock is set back in between."""
        span, life = self._span, None if self._span is None else self._life
        passed = 0.0 if span is None else time.perf_counter() - self._began
        self._span = None
        if self._others:
            *others, (self._span, self._token, self._began, self._life) = self._others
            self._others = tuple(others)
        if span is None or life is not self._recorder.life:
            return  # not open; or open since before a fork, where its parent process ends it
        try:
            _conclude(span, error, timedelta(seconds=passed))
        except Exception:  # noqa: BLE001  the agent may have put anything into its members; it is recorded as it is
            span.status = "ERROR" if error is not None else "SUCCESS"
        self._recorder.record(span)

    def _choose(self) -> None:
        """Of several that are open, as in tasks that share this, leave the one that is current here."""
        current = CURRENT.get()
        for at, other in enumerate(self._others):
            if other[0] is current and self._span is not None and self._span is not current:
                rest = self._others[:at] + self._others[at + 1 :]
                self._others = (*rest, (self._span, self._token, self._began, self._life))
                self._span, self._token, self._began, self._life = other
                return

    def _place(self) -> tuple[str, str | None]:
        """(trace, parent's id)."""
        parent: Any = self._parent
        trace_id = self._trace_id
        if isinstance(parent, str):
            return trace_id or new_trace(), parent
        if parent is None:
            parent = CURRENT.get()
            if parent is not None and trace_id is not None and parent.trace_id != trace_id:
                parent = None
        above = getattr(parent, "trace_id", None), getattr(parent, "id", None)
        if parent is None or not all(isinstance(each, str) for each in above):  # or something else than a span
            return trace_id or new_trace(), None
        return cast(tuple[str, str], above)


def _conclude(span: Span, error: BaseException | None, passed: timedelta) -> None:
    start: Any = span.start_timestamp  # the agent's, perhaps
    span.end_timestamp = start + passed if isinstance(start, datetime) else datetime.now(UTC)
    if error is not None and span.status is None:
        _blame(span, error)
    span.status = span.status or "SUCCESS"
    span.input, span.output, span.metadata = _object(span.input), _object(span.output), _object(span.metadata)


def _blame(span: Span, error: BaseException) -> None:
    if isinstance(error, GeneratorExit):
        return  # a generator that was not read to its end
    if any(kind.__name__ == "CancelledError" for kind in type(error).__mro__):  # asyncio's, which need not be imported
        span.status = "CANCELED"
    else:
        span.fail(error)


def _object(value: Any) -> Any:
    """SGP takes objects, and refuses the whole span for anything else, which is the value of one therefore."""
    return value if value is None or issubclass(type(value), dict) else {"value": value}
