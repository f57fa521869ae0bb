import random

from inspan_collector.screen.line import Piece, apart, fitting, line
from inspan_collector.screen.paint import BAD, Paint

PLAIN = Paint(on=False)


def test_a_line_is_cut_where_the_terminal_ends_and_its_colours_do_not_count() -> None:
    pieces = [Piece("abc", BAD), Piece("defg", BAD)]
    assert line(pieces, 5, PLAIN) == "abcd…"
    assert line(pieces, 5, Paint(on=True)) == "\x1b[31;1mabc\x1b[0m\x1b[31;1md…\x1b[0m"
    assert line(pieces, 7, PLAIN) == "abcdefg"


def test_pieces_that_have_no_room_are_left_out_whole() -> None:
    pieces = [Piece("first"), Piece(""), Piece("very long one"), Piece("last")]
    assert line(fitting(pieces, 11), 80, PLAIN) == "first  last"


def test_the_right_end_stays_where_there_is_no_room_for_both() -> None:
    assert line(apart([Piece("left")], [Piece("right")], 12), 12, PLAIN) == "left   right"
    assert line(apart([Piece("left")], [Piece("right")], 8), 8, PLAIN) == "l… right"


def test_no_line_is_wider_than_the_terminal(rng: random.Random) -> None:
    for _ in range(300):
        pieces = [Piece("x" * rng.randrange(9), rng.choice(["", BAD])) for _ in range(rng.randrange(6))]
        columns = rng.randrange(1, 30)
        for made in (pieces, apart(pieces, pieces[:1], columns), fitting(pieces, columns)):
            assert len(line(made, columns, PLAIN)) <= columns
