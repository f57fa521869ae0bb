"""How large an image is, unpacked and as it is sent, out of a docker-archive: the layers of its base, and ours."""

import json
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

MB: Final = 1_000_000
# Of a file system: what a node's disk gives for a file of one byte.
BLOCK: Final = 4096
# What the sidecar may add to a base: Python code, its bytecode, and libraries that are stripped. Without that they are
# three times as large, which is what this limit is to notice.
MOST_ABOVE_BASE: Final = 25 * MB
# All of it, on the base of ours. On others the base is whoever's it is.
MOST: Final = 90 * MB
# Level of gzip with which engines push.
LEVEL: Final = 6


class Size(NamedTuple):
    """Bytes: of the files, of the blocks that they take on a disk, and as they are sent."""

    files: int = 0
    disk: int = 0
    sent: int = 0

    def __str__(self) -> str:
        return " ".join(f"{count / MB:8.1f}" for count in self)


def sizes(archive: Path, base_layers: Sequence[str]) -> tuple[Size, Size]:
    """(of the base, of what is above it). base_layers: digests of the base's layers. Raises ValueError."""
    with tarfile.open(archive) as outer:
        (manifest,) = json.load(_member(outer, "manifest.json"))
        digests = json.load(_member(outer, manifest["Config"]))["rootfs"]["diff_ids"]
        count = len(base_layers)
        if digests[:count] != list(base_layers):
            raise ValueError(f"{archive} does not begin with the layers of its base")
        measured = [measure(_member(outer, name)) for name in manifest["Layers"]]
    return total(measured[:count]), total(measured[count:])


def total(sizes: Sequence[Size]) -> Size:
    """The sum of sizes."""
    return Size(*map(sum, zip(Size(), *sizes, strict=True)))


def measure(layer: IO[bytes]) -> Size:
    """The size of one layer, a tar that may be compressed. A file with several names counts once."""
    files = disk = 0
    with tarfile.open(fileobj=layer) as inner:
        for member in inner:
            if member.isfile():
                files += member.size
                disk += -member.size % BLOCK + member.size
            elif member.isdir():
                disk += BLOCK
    layer.seek(0)
    return Size(files, disk, _compressed(layer))


def complaints(base: Size, ours: Size, *, own_base: bool) -> list[str]:
    """What is too large, and what to do."""
    said = []
    whole = total([base, ours])
    if ours.disk > MOST_ABOVE_BASE:
        said.append(
            f"the layers above the base take {ours.disk / MB:.1f} MB, over {MOST_ABOVE_BASE // MB}: "
            "BUILDER needs strip (binutils), or collector/image/slim.py has more to remove"
        )
    if own_base and whole.disk > MOST:
        said.append(
            f"the whole image takes {whole.disk / MB:.1f} MB, over {MOST // MB}: "
            "see what collector/image/base/packages.txt brings that no module needs"
        )
    return said


def _member(outer: tarfile.TarFile, name: str) -> IO[bytes]:
    found = outer.extractfile(name)
    if found is None:
        raise ValueError(f"{name} is no file in this archive")
    return found


def _compressed(layer: IO[bytes]) -> int:
    """Bytes of a layer as gzip makes it; as it is where it is compressed already."""
    magic = layer.read(2)
    layer.seek(0)
    if magic == b"\x1f\x8b":
        return len(layer.read())
    packer = zlib.compressobj(LEVEL, wbits=zlib.MAX_WBITS | 16)
    count = 0
    while chunk := layer.read(MB):
        count += len(packer.compress(chunk))
    return count + len(packer.flush())
