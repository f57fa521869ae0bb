"""The image, built once for all tests of a run, in a store of its own that `make clean` removes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.image.container import Container

from image.debian import ROOT, WORK

IMAGE = "localhost/inspan:test"
NEEDED = {"buildah": "buildah", "mmdebstrap": "mmdebstrap", "unshare": "util-linux", "setpriv": "util-linux"}
# vfs works everywhere, in a container too, where overlay does not.
STORE = """[storage]
driver = "vfs"
graphroot = "{work}/store"
runroot = "{work}/run"
"""


@pytest.fixture(scope="session")
def store() -> dict[str, str]:
    """The environment in which buildah has a store of ours. Skips where something that is needed is not here."""
    missing = {package for program, package in NEEDED.items() if not shutil.which(program)}
    if missing:
        pytest.skip(f"no {', '.join(sorted(missing))} here: on Debian or Ubuntu, apt install them")
    if os.geteuid():
        pytest.skip("only root can run the image as other users")
    WORK.mkdir(exist_ok=True)
    (WORK / "storage.conf").write_text(STORE.format(work=WORK))
    return {"CONTAINERS_STORAGE_CONF": str(WORK / "storage.conf")}


@pytest.fixture(scope="session")
def built(store: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the build printed. The image is IMAGE."""
    command = [sys.executable, "-m", "image", "--engine", "buildah", "build", "--tag", IMAGE]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **store}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    # Else each run would leave the image of the one before, whose name it has taken.
    subprocess.run(["buildah", "rmi", "--prune"], env={**os.environ, **store}, capture_output=True, check=True)
    return done.stdout


@pytest.fixture
def container(store: dict[str, str], built: str) -> Iterator[Container]:
    """A container of one's own, to run in."""
    with Container(IMAGE, store) as container:
        yield container


@pytest.fixture(scope="session")
def untouched(store: dict[str, str], built: str) -> Iterator[Container]:
    """One to look at, in which nothing is run."""
    with Container(IMAGE, store) as container:
        yield container


@pytest.fixture
def volumes(tmp_path: Path) -> dict[str, Path]:
    """The volumes of a pod, empty, by their places."""
    places = {"/run/inspan": "socket", "/var/lib/inspan": "spool", "/etc/inspan": "config"}
    for name in places.values():
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o2777)  # a volume belongs to the pod's group, and what is made in it too
    return {place: tmp_path / name for place, name in places.items()}
