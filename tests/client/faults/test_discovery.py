"""Where an agent looks for the sidecar, and whom it does not trust there."""

import os
import socket
from pathlib import Path

import pytest
from tests.client.faults.agent_process import run
from tests.client.faults.raw import Raw

import inspan
from inspan import wire

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs a directory of somebody else's")
SENT = (
    "client = inspan.Client({})\nclient.record(span(1))\nassert client.flush(5)\nsay(at=str(client.stats().socket))\n"
)


def test_the_argument_goes_before_the_environment(tmp_path: Path) -> None:
    with Raw(tmp_path / "said") as said, Raw(tmp_path / "meant") as meant:
        end = run(SENT.format(repr(str(tmp_path / "said"))), tmp_path / "meant", tmp_path)
        assert end.said == [{"at": str(tmp_path / "said")}], end.errors
        assert (said.spans, meant.spans) == (["s1"], [])


def test_the_environment_goes_before_the_known_places(tmp_path: Path) -> None:
    (tmp_path / "inspan").mkdir()
    with Raw(tmp_path / "s"), Raw(tmp_path / "inspan" / "inspan.sock") as known:
        end = run(SENT.format(""), tmp_path / "s", tmp_path, XDG_RUNTIME_DIR=str(tmp_path))
        assert end.said == [{"at": str(tmp_path / "s")}], end.errors
        assert known.spans == []


def test_a_sidecar_of_the_same_user_is_found_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "inspan").mkdir()
    with Raw(tmp_path / "inspan" / "inspan.sock"):
        lines = SENT.format("")
        end = run(lines, Path(), tmp_path, XDG_RUNTIME_DIR=str(tmp_path), INSPAN_SOCKET="")
        if end.said != [{"at": str(wire.RUN_DIRECTORY / wire.SOCKET_NAME)}]:  # a sidecar of this machine's
            assert end.said == [{"at": str(tmp_path / "inspan" / "inspan.sock")}], end.errors


def test_the_first_line_says_every_place_and_what_is_wrong_there(tmp_path: Path) -> None:
    lines = "client = inspan.Client()\nclient.terms.places[0:0] = [inspan.client.Path('/proc/none/s')]\n"
    lines += "client.record(span(1))\nclient.flush(0.2)\nclient.close(0)\n"
    end = run(lines, tmp_path / "s", tmp_path)
    first = end.errors.splitlines()[0]
    assert first.startswith("inspan: no sidecar at /proc/none/s (No such file or directory), ")
    assert f"{tmp_path / 's'} (No such file or directory); spans wait" in first


def test_a_relative_path_is_meant_from_where_it_was_said(tmp_path: Path) -> None:
    with Raw(tmp_path / "s"):
        lines = "client = inspan.Client('s')\nos.chdir('/')\nclient.record(span(1))\nassert client.flush(5)\n"
        assert run(lines, tmp_path / "other", tmp_path).errors == ""


@pytest.mark.parametrize("path", ["x" * 200, "/" + "é" * 60, "a\0b"])
def test_a_path_that_no_socket_can_have_is_refused_at_once(path: str) -> None:
    with pytest.raises(ValueError, match="is no path that a socket can have"):
        inspan.Client(path)


def test_a_path_that_no_socket_can_have_in_the_environment_is_said_and_not_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPAN_SOCKET", "/" + "x" * 200)
    client = inspan.Client()
    assert client.record({"id": "i", "trace_id": "t"})
    assert not client.close(0.3)
    assert client.stats().dropped["exit"] == 1


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A directory like /tmp."""
    made = tmp_path / "tmp"
    made.mkdir()
    made.chmod(0o1777)
    return made


def refused(place: Path, folder: Path) -> None:
    with Raw(place) as server:
        lines = "client = inspan.Client()\nclient.record(span(1))\nassert not client.flush(0.3)\nclient.close(0)\n"
        end = run(lines, place, folder)
        assert server.connections == 0
        assert "belongs to user" in end.errors


@AS_ROOT
def test_what_somebody_else_made_in_a_shared_directory_is_not_trusted(shared: Path, tmp_path: Path) -> None:
    (shared / "inspan-0").mkdir()
    os.chown(shared / "inspan-0", 65534, 65534)
    refused(shared / "inspan-0" / "s", tmp_path)


@AS_ROOT
def test_nor_is_a_link_of_theirs_to_where_we_would_trust(shared: Path, tmp_path: Path) -> None:
    (shared / "inspan-0").symlink_to(shared.parent)
    os.lchown(shared / "inspan-0", 65534, 65534)
    refused(shared / "inspan-0" / "s", tmp_path)


@AS_ROOT
def test_nor_where_everybody_may_rename_what_others_made(shared: Path, tmp_path: Path) -> None:
    shared.chmod(0o777)
    (shared / "inspan-0").mkdir()
    os.chown(shared / "inspan-0", 65534, 65534)
    refused(shared / "inspan-0" / "s", tmp_path)


def test_what_is_ours_in_a_shared_directory_is_trusted(shared: Path, tmp_path: Path) -> None:
    (shared / "inspan-0").mkdir(0o700)
    with Raw(shared / "inspan-0" / "s"):
        assert run(SENT.format(""), shared / "inspan-0" / "s", tmp_path).errors == ""


def test_a_file_that_is_no_socket_is_said_and_waited_out(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("")
    client = inspan.Client(tmp_path / "s")
    client.record({"id": "i", "trace_id": "t", "start_timestamp": "2025-01-01T00:00:00Z"})
    assert not client.flush(0.2)
    (tmp_path / "s").unlink()
    with Raw(tmp_path / "s"):
        assert client.flush(5)
    assert client.close()


def test_a_socket_that_nobody_listens_at_any_more_is_waited_out(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "s"))
    client = inspan.Client(tmp_path / "s")
    client.record({"id": "i", "trace_id": "t"})
    assert not client.flush(0.2)
    (tmp_path / "s").unlink()
    with Raw(tmp_path / "s"):
        assert client.flush(5)
    assert client.close()
