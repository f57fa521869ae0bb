"""Exporters run on both loops: uvloop is what we ship, asyncio is where its quirks would show."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

PURE = ("test_verdict.py",)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name in PURE:
        return {"asyncio": asyncio.new_event_loop}
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
