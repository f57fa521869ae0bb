"""`python3 -m image build` and `python3 -m image base`: what `make image` and `make image-base` run."""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from image.debian import BASE, BUILDER, ROOT, make_base
from image.engine import Engine, NoEngine, find
from image.size import Size, complaints, sizes, total

TAG: Final = "localhost/inspan:dev"


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 built and small enough, 1 not."""
    arguments = _parser().parse_args(argv)
    try:
        engine = find(arguments.engine or None)
        if arguments.what == "base":
            make_base(engine, arguments.debian or None)
            return 0
        return build(engine, arguments.base or None, arguments.builder or None, arguments.tag)
    except NoEngine as error:
        sys.stderr.write(f"image: {error}\n")
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"image: {' '.join(error.cmd[:2])} failed, see above\n")
    return 1


def build(engine: Engine, base: str | None, builder: str | None, tag: str) -> int:
    """Build the image and print what it takes. base: None for ours. builder: None for the base itself, or ours."""
    own_base = base is None
    if base is None:
        base, builder = BASE, builder or BUILDER
        if engine.layers(BASE) is None or engine.layers(builder) is None:
            make_base(engine, None)
    elif engine.layers(base) is None:
        engine.pull(base)
    arguments = {"BASE": base, "BUILDER": builder or base}
    engine.build(ROOT, tag, arguments=arguments, secrets=of_pip(os.environ), labels={"base.name": base, **origin()})
    return report(engine, base, tag, own_base=own_base)


def report(engine: Engine, base: str, tag: str, *, own_base: bool) -> int:
    """Print the sizes of an image. Returns 1 where it is too large."""
    with tempfile.TemporaryDirectory(prefix="inspan-image-") as folder:
        archive = Path(folder) / "image.tar"
        engine.save(tag, archive)
        below, above = sizes(archive, engine.layers(base) or [])
    rows: dict[str, Size] = {f"base {base}": below, "layers above it": above, f"image {tag}": total([below, above])}
    width = max(map(len, rows))
    print(f"{'MB':{width}} {'files':>8} {'on disk':>8} {'as sent':>8}")
    for name, size in rows.items():
        print(f"{name:{width}} {size}")
    too_large = complaints(below, above, own_base=own_base)
    for complaint in too_large:
        sys.stderr.write(f"image: {complaint}\n")
    return 1 if too_large else 0


def origin() -> dict[str, str]:
    """What is built: the version, and the commit where this is a checkout."""
    version = (ROOT / "client/inspan/version.py").read_text(encoding="utf-8").split('"')[-2]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {"version": version, **({} if commit.returncode else {"revision": commit.stdout.strip()})}


def of_pip(environ: Mapping[str, str]) -> dict[str, Path]:
    """What pip is told here about where to install from, as secrets of the build: it installs from there as well."""
    named = {
        "pip.conf": environ.get("PIP_CONFIG_FILE", "/etc/pip.conf"),
        "ca.crt": environ.get("PIP_CERT") or environ.get("SSL_CERT_FILE"),
    }
    return {name: Path(path) for name, path in named.items() if path and Path(path).is_file()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="image", description="Builds the image of the sidecar.")
    parser.add_argument("--engine", help="buildah or docker; default: the first that is there")
    what = parser.add_subparsers(dest="what", metavar="base|build", required=True)
    base = what.add_parser("base", help="the base of ours, anew")
    base.add_argument("--debian", help="an image of Debian 13 with apt; default: made by mmdebstrap")
    image = what.add_parser("build", help="the image, and its sizes")
    image.add_argument("--base", help="default: the base of ours, made where it is missing")
    image.add_argument("--builder", help="an image with pip and the Python of the base; default: the base")
    image.add_argument("--tag", default=TAG)
    return parser


if __name__ == "__main__":
    sys.exit(main())
