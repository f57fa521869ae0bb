"""What the pages have from the code is what the code says now."""

from pathlib import Path

import pytest
from docs.pages import watch
from docs.pages.__main__ import PAGES, written
from docs.pages.keys import rows
from docs.pages.series import tables

from inspan_collector.config.meanings import DESTINATION, PROCESS
from inspan_collector.config.model import Config, DestinationConfig

WRITTEN = dict(written())


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_a_page_is_as_make_docs_writes_it(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == WRITTEN[page], "run `make docs`, and commit what it writes"


def test_every_page_has_tables() -> None:
    assert len(WRITTEN) == len(PAGES) and all("|---|" in text for text in WRITTEN.values())


@pytest.mark.parametrize(("struct", "meanings"), [(Config, PROCESS), (DestinationConfig, DESTINATION)])
def test_a_key_without_a_meaning_is_named_and_a_meaning_without_a_key(
    struct: type[Config], meanings: dict[str, str]
) -> None:
    key, *_ = meanings
    with pytest.raises(LookupError, match=f"agree about {key}"):
        rows(struct, {name: text for name, text in meanings.items() if name != key}, "")
    with pytest.raises(LookupError, match=r"agree about no\.such"):
        rows(struct, meanings | {"no.such": "text"}, "")


def test_a_metric_to_watch_that_there_is_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(watch.WATCH, "inspan_spans_vanished_total", "it grows")
    with pytest.raises(LookupError, match="inspan_spans_vanished_total"):
        tables()
