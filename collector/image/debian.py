"""The base of ours, from packages of Debian: without an image registry where mmdebstrap is there."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from image.engine import Engine

# The newest stable one: its Python, 3.13, is one that inspan is tested with.
SUITE: Final = "trixie"
BASE: Final = f"localhost/inspan-base:{SUITE}"
BUILDER: Final = f"localhost/inspan-build:{SUITE}"
DEBIAN: Final = f"localhost/inspan-debian:{SUITE}"
# Where none can be made here: by this name the engine knows, or is told, where images come from.
SLIM: Final = f"debian:{SUITE}-slim"
ROOT: Final = Path(__file__).parents[2]
WORK: Final = ROOT / ".image"


def make_base(engine: Engine, debian: str | None) -> None:
    """Build BASE and BUILDER. debian: an image with apt, None to make one. Raises CalledProcessError."""
    arguments = {"DEBIAN": debian or _bootstrapped(engine) or SLIM}
    engine.build(Path(__file__).parent / "base", BUILDER, arguments=arguments, target="build")
    engine.build(Path(__file__).parent / "base", BASE, arguments=arguments)


def _bootstrapped(engine: Engine) -> str | None:
    """A small Debian made of its packages; None where there is no mmdebstrap. $MIRROR: the mirror, else its own."""
    if not shutil.which("mmdebstrap"):
        print(f"no mmdebstrap here (on Debian or Ubuntu, apt install mmdebstrap): beginning with {SLIM}", flush=True)
        return None
    WORK.mkdir(exist_ok=True)
    mirror = [os.environ["MIRROR"]] if os.environ.get("MIRROR") else []
    archive = WORK / "debian.tar"
    bootstrap = ["mmdebstrap", "--quiet", "--variant=apt", "--include=ca-certificates"]
    subprocess.run([*bootstrap, SUITE, str(archive), *mirror], check=True)
    (WORK / "Dockerfile").write_text("FROM scratch\nADD debian.tar /\n")
    engine.build(WORK, DEBIAN)
    archive.unlink()
    return DEBIAN
