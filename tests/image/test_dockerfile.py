"""What an image promises whoever runs it, as far as the Dockerfiles say it."""

import fnmatch
import json
import re
import subprocess
from pathlib import Path

import pytest

from image.debian import ROOT

SIDECAR = ROOT / "Dockerfile"
BASE = ROOT / "collector/image/base/Dockerfile"


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """(instruction, the rest) of each, with its continued lines."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in whole.splitlines() if line]


def values(dockerfile: Path, instruction: str) -> list[str]:
    return [rest for each, rest in instructions(dockerfile) if each == instruction]


def test_the_user_is_a_number_and_not_root() -> None:
    assert values(SIDECAR, "USER") == ["65532:65532"]


def test_the_entry_point_is_run_without_a_shell() -> None:
    [entry] = values(SIDECAR, "ENTRYPOINT")
    program, command = json.loads(entry)
    assert (Path(program).is_absolute(), Path(program).name, command) == (True, "inspan", "run")


def test_kubernetes_has_probes_and_the_image_none() -> None:
    assert values(SIDECAR, "HEALTHCHECK") == []


@pytest.mark.parametrize("dockerfile", [SIDECAR, BASE], ids=["sidecar", "base"])
def test_no_registry_is_named(dockerfile: Path) -> None:
    text = dockerfile.read_text()
    assert "://" not in text
    for image in [*values(dockerfile, "FROM"), *(default.partition("=")[2] for default in values(dockerfile, "ARG"))]:
        first, slash, _ = image.partition("/")
        assert not (slash and re.search(r"[.:]", first)), image  # how a registry is told from a name


def test_what_is_installed_is_known_by_its_hash_or_is_ours() -> None:
    installs = [words for rest in values(SIDECAR, "RUN") for words in rest.split("&&") if "-m pip" in words]
    assert len(installs) == 4
    for words in installs:
        pinned = "--require-hashes" in words and "--only-binary :all:" in words
        assert pinned or ("--no-index" in words and "--no-deps" in words), words


def stages(dockerfile: Path) -> list[list[tuple[str, str]]]:
    """What each FROM has below it."""
    found: list[list[tuple[str, str]]] = []
    for each, rest in instructions(dockerfile):
        if each == "FROM":
            found.append([])
        elif found:
            found[-1].append((each, rest))
    return found


def test_the_result_is_the_base_and_one_directory_that_was_tried_on_it() -> None:
    *_, tried, result = stages(SIDECAR)
    assert values(SIDECAR, "FROM")[-2:] == ["${BASE} AS tried", "${BASE}"]
    assert [(each, json.loads(rest)[1:]) for each, rest in tried if each == "RUN"] == [("RUN", ["--version"])]
    touching = [(each, rest) for each, rest in result if each in ("COPY", "ADD", "RUN", "WORKDIR", "VOLUME")]
    assert touching == [("COPY", "--from=tried /opt/inspan /opt/inspan")]


def test_the_build_is_shown_what_it_copies_and_nothing_else() -> None:
    first, *others = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    shown = {line.removeprefix("!") for line in others if line.startswith("!")}
    copied = {
        source for rest in values(SIDECAR, "COPY") if not rest.startswith("--from") for source in rest.split()[:-1]
    }
    assert first == "*"
    assert shown == copied
    assert all((ROOT / source).exists() for source in copied)
    assert not fnmatch.filter(shown, "*.git*")


def test_make_names_a_base_and_a_builder_where_somebody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BASE", "BUILDER", "TAG", "MAKEFLAGS"):
        monkeypatch.delenv(name, raising=False)
    for given, told in (([], '--base "" --builder ""'), (["BASE=b", "BUILDER=c"], '--base "b" --builder "c"')):
        done = subprocess.run(["make", "-n", "image", *given], cwd=ROOT, capture_output=True, text=True, check=True)
        assert told in done.stdout
