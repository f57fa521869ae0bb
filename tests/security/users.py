"""Real users: processes that give up root for good, and a sidecar of such a user. Root alone can make them."""

import contextlib
import json
import os
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from tests.sidecar import FOREIGN, PATIENCE, POLL

from inspan_collector.cli.send import UnixConnection

REASON: Final = "nobody here can become another user: that takes root, and its capabilities"


class User(NamedTuple):
    """uid: also of its own group. groups: further ones."""

    uid: int
    groups: tuple[int, ...] = ()


# No machine has these: above the users of a distribution, below those of user namespaces.
TEAM: Final = 64_100
OWNER: Final = User(64_001, (TEAM,))  # of the sidecar
MATE: Final = User(64_002, (TEAM,))  # an agent in its group
STRANGER: Final = User(64_003)
ROOT: Final = User(0)

# What is not imported by now may lie where the user cannot look.
DROP: Final = """
import json, os, socket, stat, sys
uid, groups, imports, umask = json.loads(sys.argv.pop(1))
for name in imports:
    __import__(name)
os.umask(umask)
os.setgroups(groups)
os.setresgid(uid, uid, uid)
os.setresuid(uid, uid, uid)
"""
POST: Final = """
with socket.socket(socket.AF_UNIX) as agent:
    agent.connect(sys.argv[1])
    agent.sendall(b"POST /v1/spans HTTP/1.1\\r\\nhost: x\\r\\ncontent-type: application/json\\r\\n")
    agent.sendall(b"content-length: 2\\r\\n\\r\\n[]")
    print(agent.recv(65536).split()[1].decode())
"""
ASK: Final = POST.replace("POST /v1/spans", "GET /quarantine")
CONNECT: Final = "socket.socket(socket.AF_UNIX).connect(sys.argv[1]); print('connected')"


def command(user: User, program: str, *arguments: str, imports: Sequence[str] = (), umask: int = 0o022) -> list[str]:
    """A program of this user; without imports it has the standard library, and starts in a fifth of the time."""
    bare = [] if imports else ["-I", "-S"]
    told = json.dumps([user.uid, user.groups, imports, umask])
    return [sys.executable, *bare, "-c", DROP + program, told, *arguments]


def run(user: User, program: str, *arguments: object) -> str:
    """What it printed, or the name of the error that it ended with."""
    done = subprocess.run(
        command(user, program, *map(str, arguments)), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if done.returncode == 0:
        return done.stdout.strip()
    return done.stderr.strip().splitlines()[-1].partition(":")[0]


@cache
def can_be_others() -> bool:
    """Whether we may become each of them, and give files away; root in a container need not be able to."""
    if os.geteuid() != 0 or run(MATE, "print(os.getuid())") != str(MATE.uid):
        return False
    try:
        with place(0o755, OWNER, TEAM):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def place(mode: int, user: User = ROOT, group: int = 0) -> Iterator[Path]:
    """A directory that users can reach, as pytest's own cannot be."""
    with tempfile.TemporaryDirectory(prefix="inspan-users-") as home:
        Path(home).chmod(0o755)
        directory = Path(home) / "run"
        directory.mkdir()
        os.chown(directory, user.uid, group)
        directory.chmod(mode)
        yield directory


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


LISTEN: Final = """
from pathlib import Path
from inspan_collector.errors import StartError
from inspan_collector.sockets import bound
try:
    with bound(Path(sys.argv[1]), int(sys.argv[2], 8), int(sys.argv[3])):
        print("listening", flush=True)
        sys.stdin.read()
except StartError as error:
    print(error, flush=True)
"""


@contextlib.contextmanager
def listening(path: Path, mode: str = "0660", group: int = TEAM) -> Iterator[str]:
    """OWNER listens there as a sidecar does, in a tenth of its time. Yields "listening", or why it does not."""
    told = command(OWNER, LISTEN, str(path), mode, str(group), imports=["inspan_collector.sockets"])
    pipe = subprocess.PIPE
    with subprocess.Popen(told, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate(timeout=PATIENCE)


class OwnedSidecar:
    """`with OwnedSidecar(directory, {...}) as sidecar:` a sidecar of OWNER, with its socket in that directory.

    sections: of its configuration. Inside it is ready, or has ended: `code` is None or its exit code.
    """

    def __init__(self, directory: Path, sections: dict[str, Any] | None = None, umask: int = 0o022) -> None:
        self.directory = directory
        self.socket = directory / "inspan.sock"
        self.config = {
            "admin": {"listen": None},
            "drain": {"deadline": "300ms"},
            "destinations": [{"name": "up", "kind": "otlp", "url": "http://127.0.0.1:9/v1/traces"}],
            **(sections or {}),
        }
        self.config["socket"] = {"path": str(self.socket)} | self.config.get("socket", {})
        self.umask = umask

    def __enter__(self) -> Self:
        self.kept = tempfile.TemporaryDirectory(prefix="inspan-kept-")
        kept = Path(self.kept.name)
        kept.chmod(0o755)
        (kept / "inspan.yaml").write_text(json.dumps(self.config))
        self.log = kept / "log"
        program = "from inspan_collector.cli.main import main; sys.exit(main(['run', '-c', sys.argv[1]]))"
        imports = ["inspan_collector.cli.main", "inspan_collector.cli.run"]
        imports += ["encodings.ascii", "encodings.idna", "encodings.latin_1", "importlib.readers"]
        environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command(OWNER, program, str(kept / "inspan.yaml"), imports=imports, umask=self.umask),
                stderr=log,
                env=environ | {"HOME": "/nonexistent"},
                cwd="/",
            )
        end = time.monotonic() + PATIENCE
        while '"kind":"ready"' not in self.text() and self.process.poll() is None:
            assert time.monotonic() < end, self.text()
            time.sleep(POLL)
        self.code = self.process.poll()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.kept.cleanup()

    def text(self) -> str:
        return self.log.read_text()

    def post(self, path: str, body: bytes, content_type: str) -> int:
        """The status of one request, of root."""
        connection = UnixConnection(self.socket)
        try:
            connection.request("POST", path, body, {"content-type": content_type})
            return connection.getresponse().status
        finally:
            connection.close()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(PATIENCE)
