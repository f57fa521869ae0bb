"""`python -m docs.pages`, which is `make docs`: write the generated regions of docs/ anew."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from docs.pages import commands, keys, scale, series, sizes
from docs.pages.regions import filled

DOCS: Final = Path(__file__).parents[1]
PAGES: Final[dict[str, Callable[[], dict[str, str]]]] = {
    "commands.md": commands.tables,
    "configuration.md": keys.tables,
    "metrics.md": series.tables,
    "scale.md": scale.tables,
    "sizing.md": sizes.tables,
}


def written() -> Iterator[tuple[Path, str]]:
    """Each page with what it should say."""
    for name, tables in PAGES.items():
        yield DOCS / name, filled((DOCS / name).read_text(encoding="utf-8"), tables())


if __name__ == "__main__":
    for page, text in written():
        page.write_text(text, encoding="utf-8")
