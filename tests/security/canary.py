"""Words that nobody else would write, and how they are found wherever they went, in whatever writing."""

import base64
from collections.abc import Iterator
from typing import Final

# Begins and ends with what URLs and JSON write in another way. One for each place that holds a secret.
PLACES: Final = ("literal", "variable", "file", "query", "sgp", "agentex", "basic", "key", "unused")


def secret(place: str) -> str:
    """The canary of a place."""
    return f"cnry/{place}7Fq2xW9d+<{place[::-1]}>"


SECRETS: Final = {place: secret(place) for place in PLACES}
SAID: Final = "marguerite-has-a-fever"  # what a span says


def writings(word: str) -> Iterator[bytes]:
    """The word in small letters as any text may hold it: what is written otherwise in URLs, JSON or HTML is not in its
    middle; and in hexadecimal digits."""
    yield word.partition("/")[2].partition("+")[0].encode().lower() or word.encode().lower()
    yield word.encode().hex().encode()


def encoded(word: str) -> Iterator[bytes]:
    """What any base64 of any text with this word in it has."""
    for before in range(3):
        text = base64.b64encode(b"x" * before + word.encode())
        yield text[4 if before else 0 : -4]


def found(word: str, shown: bytes) -> list[str]:
    """Where it is, with what stands around it."""
    small = shown.lower()
    places = [(small, form) for form in writings(word)] + [(shown, form) for form in encoded(word)]
    places += [(shown.replace(b"-", b"+").replace(b"_", b"/"), form) for form in encoded(word)]
    hits = []
    for text, form in places:
        at = text.find(form)
        if at >= 0:
            hits.append(repr(shown[max(0, at - 60) : at + len(form) + 20]))
    return hits
