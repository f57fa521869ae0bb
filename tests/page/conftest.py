from collections.abc import Iterator
from typing import Any

import pytest
from tests.page.browser import chromium, driving


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    with driving() as found:
        yield found


@pytest.fixture(scope="session")
def browser(driver: Any) -> Iterator[Any]:
    with chromium(driver) as found:
        yield found
