"""An archive as engines write it, made here, of layers whose size is known."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from image.size import BLOCK, MB, MOST, MOST_ABOVE_BASE, Size, complaints, measure, sizes


def tar(files: Mapping[str, bytes], directories: Sequence[str] = (), links: Mapping[str, str] = {}) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name in directories:
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE
            archive.addfile(member)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.LNKTYPE, target
            archive.addfile(member)
    return made.getvalue()


def image(path: Path, *layers: bytes) -> Path:
    names = [f"{number}.tar" for number in range(len(layers))]
    config = {"rootfs": {"diff_ids": [f"sha256:{number}" for number in range(len(layers))]}}
    manifest = [{"Config": "config.json", "Layers": names}]
    described = {"manifest.json": json.dumps(manifest).encode(), "config.json": json.dumps(config).encode()}
    path.write_bytes(tar(described | dict(zip(names, layers, strict=True))))
    return path


def test_files_count_by_their_bytes_and_on_a_disk_by_whole_blocks() -> None:
    layer = tar({"a": b"x", "b": b"y" * (BLOCK + 1), "empty": b""}, directories=["d"])
    assert measure(io.BytesIO(layer))[:2] == (BLOCK + 2, 4 * BLOCK)


def test_a_second_name_of_a_file_takes_nothing() -> None:
    assert measure(io.BytesIO(tar({"a": b"x"}, links={"b": "a"})))[:2] == (1, BLOCK)


def test_what_is_sent_is_what_gzip_makes_of_it() -> None:
    layer = tar({"a": bytes(3 * MB)})
    assert abs(measure(io.BytesIO(layer)).sent - len(gzip.compress(layer, 6))) < 100


def test_a_layer_that_is_compressed_already_is_sent_as_it_is() -> None:
    layer = gzip.compress(tar({"a": b"x" * 5000}))
    assert measure(io.BytesIO(layer)) == Size(5000, 2 * BLOCK, len(layer))


def test_layers_above_the_base_are_told_apart(tmp_path: Path) -> None:
    archive = image(tmp_path / "image.tar", tar({"a": b"1"}), tar({"b": b"22"}), tar({"c": b"333"}))
    below, above = sizes(archive, ["sha256:0"])
    assert (below.files, above.files) == (1, 5)


def test_an_image_on_another_base_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not begin with the layers"):
        sizes(image(tmp_path / "image.tar", tar({})), ["sha256:other"])


def test_a_limit_is_what_may_be_taken_and_one_byte_more_is_too_much() -> None:
    base = Size(disk=MOST - MOST_ABOVE_BASE)
    assert complaints(base, Size(disk=MOST_ABOVE_BASE), own_base=True) == []
    above, whole = complaints(base, Size(disk=MOST_ABOVE_BASE + 1), own_base=True)
    assert "layers above the base" in above
    assert "whole image" in whole


def test_how_large_a_base_of_others_is_is_their_business() -> None:
    assert complaints(Size(disk=MOST), Size(disk=1), own_base=False) == []
