"""What builds images here: buildah or docker, behind the few verbs that we need of them."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

# chroot and the host's network, since a build then needs neither a container runtime nor a bridge: it works in a
# container too. Nothing runs in a build but pip, apt and what is in this repository.
BUILDAH: Final = ("buildah", "build", "--isolation", "chroot", "--network", "host")
DOCKER: Final = ("docker", "build")


class NoEngine(Exception):
    """Nothing here builds images. Says how to get something that does."""


class Engine(NamedTuple):
    """One way to build. name: the program. building: its command, up to the options that all have in common."""

    name: str
    building: Sequence[str]

    def build(
        self,
        context: Path,
        tag: str,
        *,
        arguments: Mapping[str, str] = {},
        secrets: Mapping[str, Path] = {},
        labels: Mapping[str, str] = {},
        target: str | None = None,
    ) -> None:
        """Build the Dockerfile of a directory. labels: by OCI's names for them. Raises CalledProcessError."""
        command = [*self.building, "--tag", tag]
        for name, value in arguments.items():
            command += ["--build-arg", f"{name}={value}"]
        for name, path in secrets.items():
            command += ["--secret", f"id={name},src={path}"]
        for name, value in labels.items():
            command += ["--label", f"org.opencontainers.image.{name}={value}"]
        if target is not None:
            command += ["--target", target]
        # Before Docker 23 secrets of a build have to be asked for so.
        subprocess.run([*command, str(context)], check=True, env={**os.environ, "DOCKER_BUILDKIT": "1"})

    def layers(self, tag: str) -> list[str] | None:
        """The digests of an image's layers, unpacked, lowest first; None where there is no such image here."""
        inspect = ["inspect", "--type", "image"] if self.name == "buildah" else ["image", "inspect"]
        found = subprocess.run([self.name, *inspect, tag], capture_output=True, text=True, check=False)
        if found.returncode:
            return None
        said: Any = json.loads(found.stdout)
        if self.name == "buildah":
            buildah: list[str] = said["OCIv1"]["rootfs"]["diff_ids"]
            return buildah
        docker: list[str] = said[0]["RootFS"]["Layers"]
        return docker

    def pull(self, tag: str) -> None:
        """Bring an image here, from where the engine gets such. Raises CalledProcessError."""
        subprocess.run([self.name, "pull", tag], check=True)

    def save(self, tag: str, archive: Path) -> None:
        """Write an image as docker-archive, a tar of tars. Raises CalledProcessError."""
        save = ["save", "--output", str(archive), tag]
        if self.name == "buildah":
            save = ["push", "--quiet", tag, f"docker-archive:{archive}"]
        subprocess.run([self.name, *save], check=True)


def find(wanted: str | None = None) -> Engine:
    """The engine that is named, else buildah, else docker. Raises NoEngine.

    buildah first: it needs no daemon that runs as root, and it is what the tests build with.
    """
    if wanted in (None, "buildah") and shutil.which("buildah"):
        return Engine("buildah", BUILDAH)
    if wanted in (None, "docker") and shutil.which("docker") and _daemon_answers():
        return Engine("docker", DOCKER)
    if wanted not in (None, "buildah", "docker"):
        raise NoEngine(f"ENGINE is buildah or docker, not {wanted}")
    answering = "docker whose daemon answers"
    missing = {"buildah": "no buildah", "docker": f"no {answering},"}.get(
        wanted or "", f"neither buildah nor a {answering},"
    )
    raise NoEngine(f"there is {missing} here: on Debian or Ubuntu, apt install buildah")


def _daemon_answers() -> bool:
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0
