"""Tests on sockets run on both loops: uvloop is what we ship, asyncio is where its quirks would show."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

ON_SOCKETS = ("test_bad_http.py", "test_deadlines.py", "test_http1.py", "test_listener.py", "test_turns.py")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name not in ON_SOCKETS:
        return {"asyncio": asyncio.new_event_loop}
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
