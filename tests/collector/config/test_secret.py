from pathlib import Path

import pytest

from inspan_collector.config.secret import Secret
from inspan_collector.errors import ConfigError


def test_a_variable_is_filled_in() -> None:
    assert Secret.resolve("Bearer ${TOKEN}!", {"TOKEN": "abc"}).reveal() == "Bearer abc!"


def test_a_doubled_dollar_stands_for_one_that_is_meant() -> None:
    assert Secret.resolve("a$${TOKEN}b$c", {}).reveal() == "a${TOKEN}b$c"


def test_what_a_variable_holds_is_not_filled_in_again() -> None:
    assert Secret.resolve("${A}", {"A": "${B} file:/x"}).reveal() == "${B} file:/x"


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(ValueError, match="no variable TOKEN"):
        Secret.resolve("${TOKEN}", {})


@pytest.mark.parametrize("template", ["${", "${}", "${1A}", "${A", "x${a-b}"])
def test_a_dollar_brace_without_a_name_is_an_error(template: str) -> None:
    with pytest.raises(ValueError, match="expected "):
        Secret.resolve(template, {"A": "1"})


def test_a_file_is_read_again_at_each_reveal(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    secret = Secret.resolve(f"file:{path}", {})
    assert secret.reveal() == "first"
    path.write_text("second")
    assert secret.reveal() == "second"


def test_one_line_break_at_the_end_of_a_file_is_not_part_of_the_secret(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"abc \r\n")
    assert Secret(path=path).reveal() == "abc "


def test_a_file_reference_may_hold_a_variable_in_its_path(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc")
    assert Secret.resolve("file:${DIR}/token", {"DIR": str(tmp_path)}).reveal() == "abc"


def test_a_file_need_not_exist_until_it_is_revealed(tmp_path: Path) -> None:
    secret = Secret.resolve(f"file:{tmp_path}/none", {})
    with pytest.raises(ConfigError, match=r"/none: the secret cannot be read: No such file"):
        secret.reveal()


def test_a_file_of_several_lines_or_of_bytes_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "token"
    for content in (b"hunter2\nhunter3\n", b"hunter2\0", b"hunter2\xff"):
        path.write_bytes(content)
        with pytest.raises(ConfigError) as error:
            Secret(path=path).reveal()
        assert "hunter" not in str(error.value) and error.value.__cause__ is None


def test_a_relative_file_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="absolute path"):
        Secret.resolve("file:token", {})


def test_a_secret_with_a_line_break_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="line break") as error:
        Secret.resolve("${TOKEN}", {"TOKEN": "hunter2\nx-other: 1"})
    assert "hunter2" not in str(error.value)


def test_a_secret_is_never_shown() -> None:
    secret = Secret("hunter2")
    assert not any("hunter2" in text for text in (repr(secret), str(secret), f"{secret}", f"{[secret]}"))
    assert not hasattr(secret, "__dict__")


def test_a_file_reference_shows_where_the_secret_is() -> None:
    assert Secret(path=Path("/run/token")).shown == "file:/run/token"


def test_secrets_are_equal_where_they_reveal_the_same() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret(path=Path("/a")) != Secret("")
    assert len({Secret("a"), Secret("a")}) == 1
