import random

import pytest

from inspan_collector.screen.cells import cells, clip, padded
from inspan_collector.screen.line import Piece, apart, fitting, line
from inspan_collector.screen.paint import Paint


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("計画係", 6), ("🚀", 2), ("e\u0301", 1), ("ＡＢ", 4), ("é…·", 3), ("", 0)]
)
def test_a_text_takes_so_many_columns(text: str, columns: int) -> None:
    assert cells(text) == columns


@pytest.mark.parametrize(
    ("text", "columns", "clipped"),
    [("計画係", 6, "計画係"), ("計画係", 5, "計画…"), ("計画係", 4, "計…"), ("計画係", 1, "…"), ("計画係", 0, "")],
)
def test_what_is_clipped_ends_with_a_sign_and_half_a_character_is_none(text: str, columns: int, clipped: str) -> None:
    assert clip(text, columns) == clipped


def test_what_is_padded_is_as_wide_as_was_asked() -> None:
    assert padded("計", 4) == "計  "
    assert padded("計画", 3) == "計画"


def test_no_line_of_wide_characters_is_wider_than_the_terminal(rng: random.Random) -> None:
    for _ in range(300):
        pieces = [Piece("".join(rng.choices("a計🚀\u0301", k=rng.randrange(9)))) for _ in range(rng.randrange(6))]
        columns = rng.randrange(1, 30)
        for made in (pieces, apart(pieces, pieces[:1], columns), fitting(pieces, columns)):
            assert cells(line(made, columns, Paint(on=False))) <= columns
