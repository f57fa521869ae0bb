"""Text that compresses like text. The standard library alone: the peers' own Pythons read this too."""

import random
from typing import Final

WORDS: Final = 4000  # a vocabulary of the size that conversations have; gzip makes 0.4 of such text
SYLLABLES: Final = [first + second for first in "bcdfghklmnprstvw" for second in "aeiou"]


def vocabulary(chance: random.Random) -> list[str]:
    """Words of one to four syllables."""
    return ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(WORDS)]


def prose(chance: random.Random, words: list[str], size: int) -> str:
    """So many characters of words, at least one."""
    return " ".join(chance.choices(words, k=max(1, size // 3)))[: max(1, size)]
