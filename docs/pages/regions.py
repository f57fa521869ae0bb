"""A page with generated regions: what stands between `<!-- begin NAME: … -->` and `<!-- end NAME -->`."""

import re
from collections.abc import Mapping
from typing import Final

_REGION: Final = re.compile(
    r"(?P<begin><!-- begin (?P<name>[a-z]+): [^>]*-->\n).*?(?P<end><!-- end (?P=name) -->\n)", re.DOTALL
)


def filled(page: str, tables: Mapping[str, str]) -> str:
    """The page with each region replaced by the table of its name.

    Errors: LookupError where page and tables do not name the same regions.
    """
    named = [region["name"] for region in _REGION.finditer(page)]
    if sorted(named) != sorted(tables):
        raise LookupError(f"the page has the regions {named}, and there is {sorted(tables)}")
    return _REGION.sub(lambda region: f"{region['begin']}\n{tables[region['name']]}\n{region['end']}", page)


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown. No cell may hold a `|`, which would be two cells."""
    lines = [f"| {' | '.join(line)} |" for line in (heads, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(heads), *lines[1:], ""])
