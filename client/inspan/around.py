"""Around functions: each call is a span, from its first step to its last.

A generator shares the context of who reads it: what is current inside is so while it runs, and not while its reader
does.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Protocol, Self

from inspan.span import CURRENT, Span


class Block(Protocol):
    """A span round something, as `Spanning` is."""

    def again(self) -> "Block":
        """The same, not entered."""
        ...

    def begin(self) -> Span: ...

    def finish(self, error: BaseException | None) -> None: ...

    def __enter__(self) -> Span: ...

    def __exit__(self, *told: Any) -> None: ...


class _Inside:
    """`with`: what is current inside a generator is current, and remembered for its next step. Entered again and
    again."""

    __slots__ = ("_current", "_outside")

    def __init__(self, span: Span) -> None:
        self._current: Span | None = span
        self._outside: Span | None = None

    def __enter__(self) -> Self:
        self._outside = CURRENT.get()
        CURRENT.set(self._current)
        return self

    def __exit__(self, *told: object) -> None:
        self._current = CURRENT.get()
        CURRENT.set(self._outside)  # by no token: one that is left unfinished is closed in another context


def function(block: Block, called: Callable[..., Any]) -> Callable[..., Any]:
    """Each call."""

    def call(*args: Any, **kwargs: Any) -> Any:
        with block.again():
            return called(*args, **kwargs)

    return call


def coroutine(block: Block, called: Callable[..., Any]) -> Callable[..., Any]:
    """Each await of a call."""

    async def call(*args: Any, **kwargs: Any) -> Any:
        with block.again():
            return await called(*args, **kwargs)

    return call


def generator(block: Block, called: Callable[..., Any]) -> Callable[..., Any]:
    """From the first value that is asked for to the end, or to where nobody reads on."""

    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        made = called(*args, **kwargs)
        once = block.again()
        inside = _Inside(once.begin())
        step, sent = made.send, None
        try:
            while True:
                with inside:
                    value = step(sent)
                try:
                    step, sent = made.send, (yield value)
                except GeneratorExit:
                    with inside:
                        made.close()
                    raise
                except BaseException as error:  # noqa: BLE001  thrown in by the reader, and handed on
                    step, sent = made.throw, error
        except StopIteration as stop:
            once.finish(None)
            return stop.value
        except BaseException as error:
            once.finish(error)
            raise

    return call


def async_generator(block: Block, called: Callable[..., Any]) -> Callable[..., Any]:
    """The same."""

    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        made = called(*args, **kwargs)
        once = block.again()
        inside = _Inside(once.begin())
        step, sent = made.asend, None
        try:
            while True:
                with inside:
                    value = await step(sent)
                try:
                    step, sent = made.asend, (yield value)
                except GeneratorExit:
                    with inside:
                        await made.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001  the same
                    step, sent = made.athrow, error
        except StopAsyncIteration:
            once.finish(None)
        except BaseException as error:
            once.finish(error)
            raise

    return call
