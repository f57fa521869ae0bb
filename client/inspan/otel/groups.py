"""Which group a span belongs to: looked up for each span, made once."""

from collections.abc import Hashable
from typing import Any, Final

from inspan.otel.dialect import Group

MOST: Final = 1024  # groups; a program has one for each library that makes spans, and past it they are made again


class Groups:
    """Remembers groups by what they were made of. Threads may share it: at worst a group is made twice."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Group, Any]] = {}

    def __repr__(self) -> str:
        return f"<Groups {len(self._known)}>"

    def find(self, key: Hashable) -> Group | None:
        """None: it is new."""
        found = self._known.get(key)
        return None if found is None else found[0]

    def add(self, key: Hashable, group: Group, keep: object = None) -> Group:
        """The group. keep: an object whose id is part of the key, and which must stay for that."""
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = (group, keep)
        return group
