"""A container of the image, run in two ways that need no container runtime.

`Container.run` is `buildah run` in chroot isolation. `Container.pod` is nearer to a pod: the root file system is
read-only, the sidecar is process 1, and it has no privilege and no way to one; by util-linux and as root.
"""

import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from stat import S_ISDIR
from typing import Any, Final, Self

from tests.e2e.process import Process

# With what a pod's securityContext asks for; chroot drops all capabilities with the user.
CONFINED: Final = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "setpriv", "--no-new-privs")


class Container:
    """`with Container(image, environ) as container:` has a root file system of its own.

    environ: says where buildah's store is.
    """

    def __init__(self, image: str, environ: Mapping[str, str]) -> None:
        self.image = image
        self.environ = dict(environ)

    def __repr__(self) -> str:
        return f"<Container of {self.image}>"

    def __enter__(self) -> Self:
        self.name = self._buildah("from", "--pull-never", self.image)
        self.root = Path(self._buildah("mount", self.name))
        self.config: dict[str, Any] = json.loads(self._buildah("inspect", self.name))["OCIv1"]["config"]
        return self

    def __exit__(self, *_: object) -> None:
        self._buildah("rm", self.name)

    def run(
        self,
        log: Path,
        *argv: str,
        volumes: Mapping[str, Path] = {},
        env: Mapping[str, str] = {},
        user: str | None = None,
    ) -> Process:
        """A process by `buildah run`: the entry point, or argv. volumes: by their places in the container."""
        command = ["buildah", "run", "--isolation", "chroot", *([f"--user={user}"] if user else [])]
        for place, directory in volumes.items():
            command += ["--volume", f"{directory}:{place}"]
        for name, value in env.items():
            command += ["--env", f"{name}={value}"]
        return Process([*command, self.name, "--", *(argv or self.config["Entrypoint"])], log, self.environ)

    def pod(
        self,
        log: Path,
        *argv: str,
        volumes: Mapping[str, Path] = {},
        env: Mapping[str, str] = {},
        user: str | None = None,
    ) -> Process:
        """The same as process 1 of its own namespace, unprivileged, below a root that is read-only."""
        root = shlex.quote(str(self.root))
        steps = [f"mount --bind {root} {root}"]
        for place, directory in volumes.items():
            inside = self.root / place.lstrip("/")
            inside.mkdir(parents=True, exist_ok=True)
            steps.append(f"mount --bind {shlex.quote(str(directory))} {shlex.quote(str(inside))}")
        steps.append(f"mount -t proc proc {root}/proc")
        steps.append(f"mount -o remount,bind,ro {root}")
        image = dict(each.split("=", 1) for each in self.config["Env"])
        words = ["env", "-i", *(f"{name}={value}" for name, value in {**image, **env}.items())]
        # Found before the environment is emptied, and outside of the image, which has no such program.
        words += ["/usr/sbin/chroot", f"--userspec={user or self.config['User']}", "--groups=", str(self.root)]
        steps.append(f"exec {shlex.join([*words, *(argv or self.config['Entrypoint'])])}")
        return Process([*CONFINED, "sh", "-c", " && ".join(steps)], log, self.environ)

    def _buildah(self, *words: str) -> str:
        done = subprocess.run(["buildah", *words], env=self.environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def inner(process: Process) -> int:
    """The id, as seen here, of the innermost process: the sidecar, below what runs its container."""
    pid = process.popen.pid
    while children := [
        child for each in Path(f"/proc/{pid}/task").glob("*/children") for child in each.read_text().split()
    ]:
        pid = int(children[0])
    return pid


def said(process: Process) -> list[dict[str, Any]]:
    """The JSON lines of its log so far."""
    return [json.loads(line) for line in process.said().split("\n")[:-1] if line.startswith("{")]


def listing(root: Path, without: Sequence[str] = ()) -> dict[str, tuple[int, int, int]]:
    """Every path below a root: mode, and of what is no directory size and time. without: beginnings of paths."""
    found = {}
    for directory, directories, files in os.walk(root):
        for name in [*directories, *files]:
            path = Path(directory) / name
            inside = f"/{path.relative_to(root)}"
            if not inside.startswith(tuple(without)):
                stat = path.lstat()
                changed = (0, 0) if S_ISDIR(stat.st_mode) else (stat.st_size, stat.st_mtime_ns)
                found[inside] = (stat.st_mode, *changed)
    return found
