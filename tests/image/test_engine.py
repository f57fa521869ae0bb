"""Engines that are scripts on a path of one's own: they write down how they were called."""

import json
from pathlib import Path

import pytest

from image.engine import NoEngine, find


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is all of the path."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def program(folder: Path, name: str, code: int = 0, says: str = "") -> Path:
    """Returns where its calls are written, a line each."""
    calls = folder / f"{name}.calls"
    script = f"#!/bin/sh\necho \"$@\" >> '{calls}'\necho '{says}'\nexit {code}\n"
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)
    return calls


def test_buildah_comes_first_since_it_needs_no_daemon(programs: Path) -> None:
    program(programs, "docker")
    program(programs, "buildah")
    assert find().name == "buildah"
    assert find("docker").name == "docker"


def test_a_docker_without_its_daemon_is_none(programs: Path) -> None:
    program(programs, "docker", code=1)
    with pytest.raises(NoEngine, match="no docker whose daemon answers, here"):
        find("docker")


def test_where_there_is_none_it_says_what_to_install(programs: Path) -> None:
    with pytest.raises(NoEngine, match="neither buildah nor a docker whose daemon answers"):
        find()
    with pytest.raises(NoEngine, match="no buildah here"):
        find("buildah")
    with pytest.raises(NoEngine, match="buildah or docker, not podman"):
        find("podman")


def test_a_build_hands_on_arguments_secrets_and_labels(programs: Path, tmp_path: Path) -> None:
    calls = program(programs, "buildah")
    find().build(tmp_path, "t:1", arguments={"BASE": "b"}, secrets={"ca.crt": Path("/ca")}, labels={"version": "1"})
    assert calls.read_text().split() == [
        *("build", "--isolation", "chroot", "--network", "host", "--tag", "t:1", "--build-arg", "BASE=b"),
        *("--secret", "id=ca.crt,src=/ca", "--label", "org.opencontainers.image.version=1", str(tmp_path)),
    ]


def test_an_old_docker_is_asked_for_the_builder_that_knows_secrets(programs: Path, tmp_path: Path) -> None:
    program(programs, "docker")
    (programs / "docker").write_text('#!/bin/sh\n[ "$1" = version ] || [ "$DOCKER_BUILDKIT" = 1 ]\n')
    find().build(tmp_path, "t:1")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("buildah", {"OCIv1": {"rootfs": {"diff_ids": ["sha256:a", "sha256:b"]}}}),
        ("docker", [{"RootFS": {"Layers": ["sha256:a", "sha256:b"]}}]),
    ],
)
def test_layers_are_read_as_each_engine_tells_them(programs: Path, name: str, says: object) -> None:
    program(programs, name, says=json.dumps(says))
    assert find().layers("t:1") == ["sha256:a", "sha256:b"]


def test_an_image_that_is_not_here_has_no_layers(programs: Path) -> None:
    program(programs, "buildah", code=125)
    assert find().layers("t:1") is None
