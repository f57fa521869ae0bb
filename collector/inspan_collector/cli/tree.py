"""Spans below their parents, whatever their ids say."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

UNSEEN: Final = "…"  # a parent that is not among the spans
DEEPEST: Final = 20  # levels that are drawn: below it a number says how deep it is


class Line(NamedTuple):
    """span: its id, None for a parent that was not seen. branch: what is drawn before it."""

    span: str | None
    branch: str


def tree(parents: Mapping[str, str | None]) -> Iterator[Line]:
    """Each span once, below its parent and in the order given; those of a parent that is not there are below `UNSEEN`.

    parents: by id. Where spans are below each other in a circle, the first of them begins.
    """
    children: dict[Hashable, list[str]] = {}
    orphans: list[str] = []
    roots: list[str | None] = []
    for span, parent in parents.items():
        if not parent:
            roots.append(span)
        elif parent in parents:
            children.setdefault(parent, []).append(span)
        else:
            orphans.append(span)
    if orphans:
        roots.append(None)
        children[None] = orphans
    seen: set[str | None] = set()
    for root in [*roots, *parents]:  # of a circle nothing is below a root
        if root not in seen:
            yield from _below(root, children, seen)


def _below(root: str | None, children: Mapping[Hashable, Sequence[str]], seen: set[str | None]) -> Iterator[Line]:
    seen.add(root)
    todo: list[tuple[str | None, tuple[bool, ...]]] = [(root, ())]
    while todo:
        span, lasts = todo.pop()
        yield Line(span, _branch(lasts))
        here = [child for child in children.get(span, ()) if child not in seen]
        seen.update(here)
        for index, child in reversed(list(enumerate(here))):
            todo.append((child, (*lasts[-DEEPEST:], index == len(here) - 1)))


def _branch(lasts: Sequence[bool]) -> str:
    """lasts: of each level, whether what is there is the last of its parent."""
    if not lasts:
        return ""
    above = "".join("   " if last else "│  " for last in lasts[:-1])
    return above + ("└─ " if lasts[-1] else "├─ ")
