"""Unix sockets that are ours to listen on: bound under a lock, with the mode asked for, removed at the end."""

import contextlib
import errno
import fcntl
import grp
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from inspan.wire import MAX_SOCKET_PATH
from inspan_collector.errors import StartError

BACKLOG: Final = 1024  # connections that wait while the loop is busy; the kernel caps it at net.core.somaxconn


@contextlib.contextmanager
def bound(
    path: Path, mode: int, group: str | int | None = None, *, remedy: str = "set another socket.path"
) -> Iterator[socket.socket]:
    """A listening unix socket at `path`; its file is removed at the end if it is still ours.

    mode: permission bits of the file. group: whose file it becomes, None to leave that to the system. remedy: what to
    do where the path is taken. Raises StartError.
    """
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise StartError(f"socket path {path} is over {MAX_SOCKET_PATH} bytes, which is all a unix socket can have")
    gid = _gid(group)
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            _trust(path.parent)
            stack.enter_context(_locked(path, remedy))
            _clear(path, remedy)
            sock = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            _bind(sock, path, mode)
            stack.callback(_remove, path, _identity(path))
            if gid is not None:
                # Before listen: until then nobody can connect. Where others may write, a link may stand there by now.
                os.chown(path, -1, gid, follow_symlinks=False)
            sock.listen(BACKLOG)
            sock.setblocking(False)
        except OSError as error:
            raise StartError(f"cannot listen on {path}: {error.strerror or error}") from error
        yield sock


def _trust(directory: Path) -> None:
    """In a place where everybody may make one, as in /tmp, the directory is our own or root's: another's owner could
    listen in our place. Agents have the same rule. Raises StartError."""
    found = directory.lstat()  # a link counts as who made it
    shared = directory.parent.stat().st_mode & stat.S_IWOTH
    if shared and found.st_uid not in (0, os.geteuid()):
        raise StartError(f"{directory} belongs to user {found.st_uid}, and anybody could have made it: set socket.path")


@contextlib.contextmanager
def _locked(path: Path, remedy: str) -> Iterator[None]:
    """Keep a second starter out: of two that find a stale file, the slower would unlink the faster one's socket.

    The lock file stays. Were it removed, a third starter could lock a new file while the second waits on the old one.
    """
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"another inspan holds {path}: stop it, or {remedy}") from None
        yield
    finally:
        os.close(lock)


def _clear(path: Path, remedy: str) -> None:
    """Unlink a socket that nobody listens on. Anything else at the path is an error, and is left alone."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise StartError(f"{path} is there already and is no socket: move it, or {remedy}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)  # a live server with a full backlog answers EAGAIN, and would make us wait
            probe.connect(os.fspath(path))
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
        return
    except OSError as error:
        if error.errno != errno.EAGAIN:
            raise
    raise StartError(f"a live server listens on {path}: stop it, or {remedy}")


def _bind(sock: socket.socket, path: Path, mode: int) -> None:
    """Bind under a umask that makes the mode: a chmod would come too late for who opens the file before it."""
    before = os.umask(0o777 & ~mode)
    try:
        sock.bind(os.fspath(path))
    finally:
        os.umask(before)


def _identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


def _remove(path: Path, ours: tuple[int, int]) -> None:
    with contextlib.suppress(FileNotFoundError):
        if _identity(path) == ours:
            path.unlink()


def _gid(group: str | int | None) -> int | None:
    if group is None or isinstance(group, int):
        return group
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise StartError(f"socket.group {group!r} does not exist here: use a name or a number that does") from None
