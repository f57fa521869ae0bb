"""Texts that are lifted out of a span's JSON into attributes of their own. The JSON keeps them too."""

from typing import Final

from msgspec import Raw

from inspan_collector.translate.members import text

# characters; no name, id or version is longer, and what is lifted is there twice: a span must not grow without bound
MAX_LIFTED: Final = 256
MAX_MESSAGE: Final = 1024  # characters of an error; what is cut off is still in the metadata


def lifted(value: Raw) -> bytes | None:
    """A name, an id or a version, as UTF-8; None where it is none."""
    found = text(value)
    return found.encode() if found is not None and len(found) <= MAX_LIFTED else None


def message(value: Raw) -> bytes | None:
    """The words of an error, as UTF-8 and cut; None where there are none."""
    found = text(value)
    return None if found is None else found[:MAX_MESSAGE].encode()
