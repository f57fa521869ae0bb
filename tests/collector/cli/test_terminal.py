import pytest

from inspan_collector.cli.terminal import age, cut, safe, safe_lines, size, table


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("plain words, ünïcode, 漢字 and 🎉", "plain words, ünïcode, 漢字 and 🎉"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),  # the same in one byte, for terminals that know it
        ("a\rb\nc\td\x7f", "a\\rb\\nc\\td\\x7f"),
        ("\u202egnp.exe", "\\u202egnp.exe"),  # turns the direction of what follows
        ("\u2028\ud800\U000e0041", "\\u2028\\ud800\\U000e0041"),
    ],
)
def test_foreign_words_cannot_speak_to_a_terminal(foreign: str, shown: str) -> None:
    assert safe(foreign) == shown


def test_lines_stay_lines() -> None:
    assert safe_lines("a\n\x1bb\n") == "a\n\\x1bb\n"


def test_a_table_has_its_numbers_to_the_right() -> None:
    assert table(("id", "name", "spans"), [["1", "a", "10"], ["22", "bcdef", "7"]]) == [
        "id  name   spans",
        " 1  a         10",
        "22  bcdef      7",
    ]
    assert table(("id",), []) == []


def test_what_is_too_long_is_cut_and_says_so() -> None:
    assert (cut("12345", 5), cut("123456", 5)) == ("12345", "1234…")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-3, "0s"), (119.9, "119s"), (120, "2m"), (7200, "2h"), (172800, "2d"), (1e9, "11574d")]
)
def test_an_age_is_in_the_unit_in_which_people_say_it(seconds: float, shown: str) -> None:
    assert age(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KiB"), (4 << 20, "4.0 MiB"), (1 << 50, "1024.0 TiB")],
)
def test_a_size_is_in_the_unit_in_which_people_say_it(count: int, shown: str) -> None:
    assert size(count) == shown
