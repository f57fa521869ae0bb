"""A real sidecar that writes what it takes into a file, and what of it is there in the end."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.sidecar import Sidecar

from inspan import Stats


@contextmanager
def keeping(folder: Path, **sections: Any) -> Iterator[Sidecar]:
    """A sidecar with one destination, a directory."""
    with Sidecar(sections | {"destinations": [{"name": "kept", "kind": "file", "path": str(folder / "kept")}]}) as it:
        yield it


def kept(sidecar: Sidecar, folder: Path) -> list[dict[str, Any]]:
    """End the sidecar, see that its books balance, and read the spans that it took."""
    ledger = sidecar.stop()
    assert ledger["imbalance"] == 0
    spans = [
        json.loads(line)
        for file in sorted((folder / "kept").glob("spans.jsonl*"))
        for line in file.read_text(encoding="utf-8").split("\n")  # and not where Unicode ends a line, too
        if line
    ]
    book = ledger["destinations"]["kept"]
    assert book.get("delivered", 0) == len(spans), book
    return spans


def ids(spans: list[dict[str, Any]]) -> Counter[str]:
    """How often each id is there."""
    return Counter(span["id"] for span in spans)


def law(stats: Stats) -> None:
    """Every span is somewhere, and in one place."""
    assert stats.recorded == stats.accepted + stats.queued + stats.in_flight + sum(stats.dropped.values()), stats
