"""Misbehaviour by chance: what may happen to a request, and how often."""

import random
from typing import Final

WORDS: Final = ("reset", "hang", "garbage", "swallow", "drip", "leave")
"""What can happen beside a status. Each is a Deed of the same name."""


class Chances:
    """`503=0.1,reset=0.05`: a tenth of the requests is answered 503, a twentieth is reset, the rest is met honestly.

    Errors: ValueError for a text that is not that, or shares over 1 in all.
    """

    __slots__ = ("shares",)

    def __init__(self, text: str) -> None:
        self.shares: list[tuple[str, float]] = [_share(each.strip()) for each in text.split(",")]
        if sum(share for _, share in self.shares) > 1:
            raise ValueError(f"{text!r}: the shares are over 1 in all")

    def __repr__(self) -> str:
        return f"<Chances {','.join(f'{what}={share}' for what, share in self.shares)}>"

    def draw(self, rng: random.Random) -> str | None:
        """What the next request meets; None for an honest answer. One number is drawn, whatever it says."""
        left = rng.random()
        for what, share in self.shares:
            left -= share
            if left < 0:
                return what
        return None


def _share(text: str) -> tuple[str, float]:
    what, _, number = text.partition("=")
    if what not in WORDS and not (what.isdecimal() and 300 <= int(what) <= 599):
        raise ValueError(f"{what!r} is neither a status from 300 to 599 nor one of {', '.join(WORDS)}")
    share = float(number)
    if not 0 <= share <= 1:
        raise ValueError(f"{text!r}: a share is from 0 to 1")
    return what, share
