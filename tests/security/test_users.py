"""Who may connect, and what another user can do to a sidecar: with real users, and the kernel's word."""

import contextlib
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.collector.sink.posts import otlp
from tests.security.users import (
    ASK,
    CONNECT,
    MATE,
    OWNER,
    POST,
    REASON,
    ROOT,
    STRANGER,
    TEAM,
    OwnedSidecar,
    User,
    can_be_others,
    command,
    listening,
    mode_of,
    place,
    run,
)
from tests.sidecar import PATIENCE

pytestmark = pytest.mark.skipif(not can_be_others(), reason=REASON)

DENIED: Final = "PermissionError"
TAKEN: Final = "202"
POD: Final = 0o2777  # what Kubernetes makes of an emptyDir with an fsGroup
LINK: Final = "os.symlink(sys.argv[2], sys.argv[1])"
PIPE: Final = "os.mkfifo(sys.argv[1]); os.chmod(sys.argv[1], 0o666)"


def spans(path: Path) -> dict[str, Any]:
    return {"destinations": [{"name": "file", "kind": "file", "path": str(path), "batch": {"linger": 0}}]}


@pytest.fixture(scope="module")
def in_a_pod() -> Iterator[OwnedSidecar]:
    """As configured by nobody, in a volume that a pod shares."""
    with place(POD, group=TEAM) as directory, OwnedSidecar(directory) as sidecar:
        assert sidecar.code is None, sidecar.text()
        yield sidecar


# Who may connect


def test_by_default_the_group_may_post_and_nobody_else(in_a_pod: OwnedSidecar) -> None:
    found = in_a_pod.socket.stat()
    assert (mode_of(in_a_pod.socket), found.st_uid, found.st_gid) == (0o660, OWNER.uid, TEAM)
    said = [run(user, POST, in_a_pod.socket) for user in (OWNER, MATE, ROOT, STRANGER)]
    assert said == [TAKEN, TAKEN, TAKEN, DENIED]


def test_the_control_socket_is_for_its_owner_and_root_whatever_the_group(in_a_pod: OwnedSidecar) -> None:
    control = in_a_pod.directory / "control.sock"
    assert mode_of(control) == 0o600
    assert [run(user, ASK, control) for user in (OWNER, ROOT, MATE, STRANGER)] == ["200", "200", DENIED, DENIED]


def test_nothing_is_read_over_the_agents_socket(in_a_pod: OwnedSidecar) -> None:
    for path in ("/status", "/quarantine", "/events", "/metrics", "/trace/t", "/live", "/spool", "/"):
        with socket.socket(socket.AF_UNIX) as agent:
            agent.connect(str(in_a_pod.socket))
            agent.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            assert agent.recv(100).split()[1] == b"404"


def test_allow_uids_is_the_kernels_word_and_holds_for_root_and_the_owner_too() -> None:
    section = {"socket": {"mode": "0666", "group": TEAM, "allow_uids": [MATE.uid, STRANGER.uid]}}
    with place(0o755, OWNER) as directory, OwnedSidecar(directory, section) as sidecar:
        assert (sidecar.socket.stat().st_gid, mode_of(directory / "control.sock")) == (TEAM, 0o600)
        said = [run(user, POST, sidecar.socket) for user in (MATE, STRANGER, ROOT, OWNER, User(64_009))]
        assert said == [TAKEN, TAKEN, "403", "403", "403"]
        assert "socket.allow_uids" in sidecar.text()


def test_mode_group_and_directory_are_each_enough_to_keep_others_out() -> None:
    for mode, directory_mode, group, welcome in (
        ("0600", 0o755, TEAM, {OWNER}),
        ("0660", 0o755, TEAM, {OWNER, MATE}),
        ("0660", 0o755, OWNER.uid, {OWNER}),
        ("0666", 0o755, TEAM, {OWNER, MATE, STRANGER}),
        ("0666", 0o700, TEAM, {OWNER}),
    ):
        with place(directory_mode, OWNER) as directory, listening(directory / "s", mode, group) as said:
            assert said == "listening"
            users = {user for user in (OWNER, MATE, STRANGER) if run(user, CONNECT, directory / "s") == "connected"}
            assert users == welcome


def test_whatever_the_umask_nobody_reads_or_writes_what_is_kept() -> None:
    look = "print(open(sys.argv[1], 'rb').read(1) and 'read')"
    with place(0o755, OWNER) as above:
        directory, kept, made = above / "run", above / "spool", above / "spans"
        sections = {"spool": {"path": str(kept / "spool.db"), "mode": "always"}} | spans(made)
        with OwnedSidecar(directory, sections, umask=0) as sidecar:
            assert sidecar.code is None, sidecar.text()
            assert sidecar.post("/v1/traces", otlp("a"), "application/x-protobuf") == 200
            assert [mode_of(path) for path in (directory, kept, made)] == [0o755, 0o700, 0o700]
            files = [path for path in (*directory.iterdir(), *kept.iterdir()) if stat.S_ISREG(path.lstat().st_mode)]
            assert len(files) >= 4
            assert {path.name: mode_of(path) for path in files} == {path.name: 0o600 for path in files}
            for path in (kept / "spool.db", kept / "spool.db.books", made / "otlp.pb"):
                assert [run(user, look, path) for user in (MATE, STRANGER)] == [DENIED] * 2
            assert run(STRANGER, "open(sys.argv[1], 'w')", directory / "theirs") == DENIED


# In a directory that others may write to


@contextlib.contextmanager
def precious() -> Iterator[Path]:
    """A file of the sidecar's user, which others would like to see overwritten or given away."""
    with place(0o700, OWNER) as private:
        victim = private / "victim"
        victim.write_text("precious")
        victim.chmod(0o640)
        os.chown(victim, OWNER.uid, OWNER.uid)
        yield victim
        assert (victim.read_text(), victim.stat().st_gid, mode_of(victim)) == ("precious", OWNER.uid, 0o640)
        assert [path.name for path in private.iterdir()] == ["victim"]


@pytest.mark.parametrize("make", [LINK, PIPE, "os.mkdir(sys.argv[1])", "open(sys.argv[1], 'w')"])
def test_what_another_put_in_the_sockets_place_is_neither_removed_nor_followed(make: str) -> None:
    with place(POD, group=TEAM) as directory, precious() as victim:
        run(MATE, make, directory / "s", victim)
        with listening(directory / "s") as said:
            assert "is there already and is no socket" in said
        assert (directory / "s").lstat().st_uid == MATE.uid


@pytest.mark.parametrize("make", [LINK, "os.open(sys.argv[1], os.O_CREAT, 0o600)"])
def test_a_lock_that_another_made_stops_the_start_with_words_and_no_harm(make: str) -> None:
    with place(POD, group=TEAM) as directory, precious() as victim:
        run(MATE, make, directory / "s.lock", victim)
        with listening(directory / "s") as said:
            assert said.startswith(f"cannot listen on {directory}/s: ")


def test_a_stale_socket_of_another_is_replaced_where_we_may_ask_and_remove_it() -> None:
    bind = "socket.socket(socket.AF_UNIX).bind(sys.argv[1]); os.chmod(sys.argv[1], int(sys.argv[2], 8))"
    for mode, theirs, answer in (
        (POD, "666", "listening"),
        (POD, "600", "Permission denied"),  # it may be alive
        (0o1777, "666", "Operation not permitted"),  # as /tmp: the sticky bit keeps it for who made it
    ):
        with place(mode) as directory:
            run(STRANGER, bind, directory / "s", theirs)
            with listening(directory / "s") as said:
                assert said.endswith(answer)
                assert (directory / "s").lstat().st_uid == (OWNER.uid if answer == "listening" else STRANGER.uid)


def test_a_live_server_of_another_is_left_alone() -> None:
    serve = (
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); os.chmod(sys.argv[1], int(sys.argv[2], 8))\n"
        "s.listen(); print('listening', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    for mode, answer in (("600", "Permission denied"), ("666", "a live server listens")):
        with (
            place(POD, group=TEAM) as directory,
            subprocess.Popen(
                command(MATE, serve, str(directory / "s"), mode), stdin=pipe, stdout=pipe, text=True
            ) as theirs,
        ):
            assert theirs.stdout is not None and theirs.stdout.readline() == "listening\n"
            with listening(directory / "s") as said:
                assert answer in said
            assert (directory / "s").lstat().st_uid == MATE.uid
            theirs.communicate(timeout=PATIENCE)


def test_a_directory_that_a_stranger_made_where_everybody_may_is_not_trusted() -> None:
    with place(0o1777) as temporary:
        run(STRANGER, "os.mkdir(sys.argv[1]); os.chmod(sys.argv[1], 0o777)", temporary / "inspan-64001")
        run(STRANGER, LINK, temporary / "inspan-link", temporary / "inspan-64001")
        for name in ("inspan-64001", "inspan-link"):
            with listening(temporary / name / "s") as said:
                assert f"belongs to user {STRANGER.uid}" in said
        with listening(temporary / "made" / "s") as said:
            assert said == "listening" and mode_of(temporary / "made") == 0o755


def test_nothing_that_a_sidecar_writes_follows_a_link_of_another() -> None:
    """Its last words, its books, and spans."""
    with place(POD, group=TEAM) as directory, precious() as victim:
        run(MATE, "os.mkdir(sys.argv[1]); os.chmod(sys.argv[1], 0o777)", directory / "spans")
        for name in ("termination", "inspan.sock.books", "inspan.sock.books.new", "spans/otlp.pb"):
            run(MATE, LINK, directory / name, victim)
        drain = {"deadline": "300ms", "termination_message": str(directory / "termination")}
        with OwnedSidecar(directory, {"drain": drain} | spans(directory / "spans")) as sidecar:
            assert sidecar.code is None, sidecar.text()
            assert sidecar.post("/v1/traces", otlp("a"), "application/x-protobuf") == 200
            assert sidecar.stop() == 0
            assert "otlp.pb: Too many levels of symbolic links" in sidecar.text()
            assert "drain.termination_message" in sidecar.text()


def test_a_pipe_in_place_of_the_last_words_does_not_hold_up_the_end() -> None:
    with place(POD, group=TEAM) as directory:
        run(MATE, PIPE, directory / "termination")
        drain = {"deadline": "300ms", "termination_message": str(directory / "termination")}
        with OwnedSidecar(directory, {"drain": drain}) as sidecar:
            assert sidecar.stop() == 0
            assert "drain.termination_message" in sidecar.text()


READ_ONLY: Final = """
mount --bind "$1" "$2" && mount -o remount,ro,bind "$2" || exit 77
shift 2
exec "$@"
"""
REPLACE: Final = """
for name in ('inspan.sock', 'control.sock'):
    try:
        os.rename(sys.argv[2] + name, sys.argv[2] + 'gone')
    except OSError as error:
        print(error.errno)
"""


def test_through_a_mount_that_is_read_only_agents_connect_and_can_replace_nothing(in_a_pod: OwnedSidecar) -> None:
    """The one defence where the directory itself is everybody's."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not here, which makes mounts of one's own")
    with place(0o755) as seen:
        agent = command(MATE, REPLACE + POST, str(seen / "inspan.sock"), f"{seen}/")
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", str(in_a_pod.directory), str(seen), *agent],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        if not done.stdout:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
        assert done.stdout.split() == ["30", "30", TAKEN]  # EROFS
        assert stat.S_ISSOCK(in_a_pod.socket.lstat().st_mode)
