"""The fenced blocks of the pages, and the mark that stands above one.

A mark is an HTML comment on the line before the fence, which a reader of the page does not see:

    <!-- not run: WHY -->         no test runs the block
    <!-- e2e -->                  `make e2e` runs it, with the rest of the page
    <!-- stays until: TEXT -->    its last line is a process that runs on; what follows waits until it has said TEXT
    <!-- shows: TEXT -->          it prints TEXT, if not at once then within ten seconds: it is run again until it does
    <!-- values -->               of the charts, `inspan:` as in a values.yaml: its `config` is a configuration
    <!-- part of: FILE -->        the block is in that file, word for word; FILE from the page's folder
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "helm").rglob("*.md")))
SHELL: Final = ("sh", "bash", "shell")
# What a test does with each language. A block in any other fails, so that none is forgotten.
RUN: Final = (*SHELL, "python")
READ: Final = ("yaml", "json")
SHOWN: Final = ("text", "mermaid")  # what a command prints, and pictures
MARKS: Final = ("not run", "e2e", "stays until", "shows", "values", "part of")
LIVED: Final = ("", "stays until", "shows")  # of blocks that `make test` runs

_FENCE: Final = re.compile(
    r"(?:^[ ]*<!-- (?P<mark>[^>]*?) -->[ ]*\n)?"
    r"^(?P<indent>[ ]*)```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """mark, detail: of its comment, in `<!-- mark: detail -->`; empty where there is none. line: of the fence."""

    page: Path
    line: int
    language: str
    text: str
    mark: str
    detail: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """All of a page, in their order."""
    return list(read(page, page.read_text(encoding="utf-8")))


def read(page: Path, text: str) -> Iterator[Block]:
    """All of a text."""
    for found in _FENCE.finditer(text):
        mark, _, detail = (found["mark"] or "").partition(":")
        line = text.count("\n", 0, found.start("language")) + 1
        inner = textwrap.dedent(found["text"])
        yield Block(page, line, found["language"], inner, mark.strip(), detail.strip())
