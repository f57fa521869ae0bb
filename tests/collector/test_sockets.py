"""Unix sockets that are ours to listen on."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from inspan_collector import sockets
from inspan_collector.errors import StartError
from inspan_collector.sockets import bound


def test_a_group_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="no-such-group"), bound(tmp_path / "s", 0o660, "no-such-group"):
        pass


def test_of_many_starters_at_a_stale_file_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    program = f"""
import sys
from pathlib import Path
from inspan_collector import sockets
from inspan_collector.errors import StartError
from inspan_collector.sockets import bound
try:
    with bound(Path({str(path)!r}), 0o660):
        print("won", flush=True)
        sys.stdin.read()
except StartError as error:
    print("lost", flush=True)
    sys.stdin.read()
"""
    pipe = subprocess.PIPE
    starters = [subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    said = [starter.stdout.readline().strip() for starter in starters if starter.stdout]
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))
    for starter in starters:
        starter.communicate()
    assert sorted(said) == ["lost", "lost", "lost", "won"]
    assert not path.exists()


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("/nowhere")])
def test_what_is_no_socket_is_left_alone(tmp_path: Path, make) -> None:
    path = tmp_path / "s"
    make(path)
    with pytest.raises(StartError, match="is no socket"), bound(path, 0o660):
        pass
    assert path.is_symlink() or path.exists()


def test_a_datagram_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(path))
        with pytest.raises(StartError), bound(path, 0o660):
            pass
    assert path.exists()


def test_a_path_that_is_too_long_is_a_clear_error(tmp_path: Path) -> None:
    longest = tmp_path / ("x" * (107 - len(str(tmp_path)) - 1))
    with bound(longest, 0o660):
        assert longest.exists()
    with pytest.raises(StartError, match="over 107 bytes"), bound(Path(f"{longest}x"), 0o660):
        pass


def test_a_directory_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot listen on"), bound(tmp_path / "file" / "s", 0o660):
        pass


def test_a_file_that_is_not_ours_any_more_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with bound(path, 0o660):
        path.unlink()
        path.touch()
    assert path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_link_that_takes_the_sockets_place_before_its_group_is_set_gives_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, victim = tmp_path / "s", tmp_path / "victim"
    victim.touch()
    bind = sockets._bind

    def bind_and_be_replaced(sock: socket.socket, path: Path, mode: int) -> None:
        bind(sock, path, mode)
        path.unlink()
        path.symlink_to(victim)

    monkeypatch.setattr(sockets, "_bind", bind_and_be_replaced)
    before = victim.stat().st_gid
    with bound(path, 0o660, before + 1):
        assert victim.stat().st_gid == before
