"""Which origin a span has: looked up for each span, made once."""

from collections.abc import Hashable
from typing import Any, Final

from inspan.otel.dialect import Origin

MOST: Final = 1024  # origins; a program has one for each library that makes spans, and past it they are made again


class Origins:
    """Remembers origins by what they were made of. Threads may share it: at worst an origin is made twice."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Origin, Any]] = {}

    def __repr__(self) -> str:
        return f"<Origins {len(self._known)}>"

    def find(self, key: Hashable) -> Origin | None:
        """None: it is new."""
        found = self._known.get(key)
        return None if found is None else found[0]

    def add(self, key: Hashable, origin: Origin, keep: object = None) -> Origin:
        """The origin. keep: an object whose id is part of the key, and which must stay for that."""
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = (origin, keep)
        return origin
