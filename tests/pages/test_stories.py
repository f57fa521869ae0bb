"""Every block of shell or Python on a page does what it says, in the page's order. The slow ones: `make e2e`."""

import shutil
from pathlib import Path
from typing import Final

import pytest
from tests.pages.blocks import LIVED, PAGES, ROOT, RUN, Block, blocks, read
from tests.pages.story import PATIENCE, tell

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here, with which pages post and look")

SLOW: Final = 600.0  # s: an installation from the network is among the slow ones
# What a page begins with, where it goes on from another one.
GIVEN: Final = {
    "guarantees.md": """
<!-- stays until: "kind":"ready" -->
```sh
export INSPAN_SPOOL__PATH=/tmp/inspan/spool.db
inspan run
```
""",
    "operations.md": """
<!-- stays until: inspan sink on -->
```sh
inspan sink --listen 127.0.0.1:4319 --reject-span poison --reject-status 422
```

<!-- stays until: "kind":"ready" -->
```sh
export INSPAN_DESTINATIONS__TRACES__KIND=sgp INSPAN_DESTINATIONS__TRACES__URL=http://127.0.0.1:4319
export INSPAN_DESTINATIONS__TRACES__BATCH__LINGER=0s
inspan run
```

```sh
times='"start_timestamp": "2025-01-01T00:00:00Z", "end_timestamp": "2025-01-01T00:00:01Z"'
for number in 1 2 3 4 5; do
  echo "[{\\"trace_id\\": \\"t\\", \\"id\\": \\"good$number\\", \\"name\\": \\"good\\", $times},
         {\\"trace_id\\": \\"t\\", \\"id\\": \\"bad$number\\", \\"name\\": \\"poison\\", $times}]" | inspan send -
done
until inspan quarantine ls | grep -q m5; do sleep 0.05; done
curl -s 127.0.0.1:4319/behave -d '{}'
```
""",
}


def story(page: Path, *marks: str) -> list[Block]:
    """What is run of a page, behind what it begins with; nothing where it has no such block."""
    own = [block for block in blocks(page) if block.language in RUN and block.mark in marks]
    return [*read(Path("given"), GIVEN.get(page.name, "")), *own] if own else []


FAST: Final = [page for page in PAGES if story(page, *LIVED)]
HEAVY: Final = [page for page in PAGES if story(page, "e2e")]


def lived(page: Path, home: Path, *marks: str, patience: float) -> None:
    told = tell(story(page, *marks), home, patience)
    assert told.code == 0, told.said + "\n".join(told.logs)
    for ledger in told.ledgers():
        assert ledger["imbalance"] == 0
        assert not any(book["refused"] for book in ledger["dialects"].values()), told.said
        assert any(book["accepted"] for book in ledger["dialects"].values()), told.said
        dropped = [fate for book in ledger["destinations"].values() for fate in book if fate.startswith("dropped")]
        assert dropped == []


@pytest.mark.parametrize("page", FAST, ids=lambda page: page.name)
def test_a_page_works_as_it_is_printed(page: Path, tmp_path: Path) -> None:
    lived(page, tmp_path, *LIVED, patience=PATIENCE)


@pytest.mark.e2e
@pytest.mark.parametrize("page", HEAVY, ids=lambda page: page.name)
def test_a_page_works_with_its_heavy_parts_too(page: Path, tmp_path: Path) -> None:
    lived(page, tmp_path, *LIVED, "e2e", patience=SLOW)


def test_the_first_pages_that_anybody_reads_are_among_them() -> None:
    assert {ROOT / "README.md", ROOT / "docs/client.md"} <= set(FAST)
