"""Where agents look for the socket, and where a sidecar puts it."""

import tempfile
from pathlib import Path

import pytest

from inspan import wire


def test_what_the_environment_says_is_the_only_place() -> None:
    assert wire.places({"INSPAN_SOCKET": "/a/b.sock", "XDG_RUNTIME_DIR": "/x"}) == [Path("/a/b.sock")]


def test_else_a_pods_place_comes_before_a_users() -> None:
    assert wire.places({"XDG_RUNTIME_DIR": "/x"}) == [Path("/run/inspan/inspan.sock"), Path("/x/inspan/inspan.sock")]


@pytest.mark.parametrize("environ", [{}, {"XDG_RUNTIME_DIR": "/x"}, {"INSPAN_SOCKET": "/a/b.sock"}])
def test_agents_look_where_a_sidecar_puts_it(environ: dict[str, str]) -> None:
    assert wire.default_socket(environ) in wire.places(environ)


def test_of_two_users_each_has_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 4711)
    assert wire.user_socket({}).parent.name == "inspan-4711"


def test_an_agent_that_may_write_nowhere_has_places_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    assert wire.places({})[0] == Path("/run/inspan/inspan.sock")
