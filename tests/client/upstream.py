"""An SGP upstream that a test without a loop of its own can ask, and a sidecar before it."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, Self

from tests.sidecar import Sidecar

from inspan_collector.sink.behaviour import Behaviour
from inspan_collector.sink.server import Sink

PATIENCE: Final = 20.0  # s until a test that waits fails
LOOK: Final = 0.01  # s between looks


class Upstream:
    """`with` runs a sink that keeps what it took, on a loop in a thread."""

    def __enter__(self) -> Self:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="upstream")
        self.thread.start()
        self.sink = Sink(keep=True)
        asyncio.run_coroutine_threadsafe(self.sink.__aenter__(), self.loop).result(PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self.sink.__aexit__(None, None, None), self.loop).result(PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)
        self.loop.close()

    def behave(self, behaviour: Behaviour) -> None:
        """From the next request on."""
        self.loop.call_soon_threadsafe(self.sink.behave, behaviour)

    def copies(self) -> list[dict[str, Any]]:
        """Every copy of a span that was taken, in order."""
        return [copy for body in self.sink.bodies for copy in json.loads(body)["items"]]

    def spans(self) -> dict[str, dict[str, Any]]:
        """The last copy of each span, by id."""
        return {copy["id"]: copy for copy in self.copies()}


@contextlib.contextmanager
def before(upstream: Upstream, **env: str) -> Iterator[Sidecar]:
    """A sidecar whose one destination is that upstream. env: more of its configuration."""
    environ = {"SGP_API_KEY": "k", "SGP_ACCOUNT_ID": "a", "SGP_CLIENT_BASE_URL": upstream.sink.url}
    with Sidecar(None, environ | env) as sidecar:
        yield sidecar


def until(true: Callable[[], bool]) -> None:
    """Look until it is true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(LOOK)
