"""What `pip install inspan` brings: typed packages, msgspec and nothing else, and the ways in as extras."""

import json
import re
import subprocess
import sys
import sysconfig
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent
EXTRAS: Final = {"agentex", "collector", "otel", "sgp"}
WHERE_FROM: Final = """
import json, sys
before = set(sys.modules)
import inspan
found = {name: getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - before}
print(json.dumps({"python": sys.prefix, "found": found}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    [built] = folder.glob("inspan-*.whl")
    return built


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def needs(metadata: Message, extra: str | None) -> set[str]:
    """The distributions that an extra asks for, or None for what everybody gets."""
    found = set()
    for line in metadata.get_all("Requires-Dist", []):
        said = re.search(r"extra == '([a-z]+)'", line)
        if (said[1] if said else None) == extra:
            found.add(re.split(r"[^A-Za-z0-9._-]", line)[0])
    return found


@pytest.mark.parametrize("package", ["inspan", "inspan_collector"])
def test_every_module_is_in_the_wheel_and_marked_as_typed(wheel: Path, package: str) -> None:
    [source] = [path for path in (ROOT / "client" / package, ROOT / "collector" / package) if path.is_dir()]
    there = {str(path.relative_to(source.parent)) for path in source.rglob("*") if path.suffix in (".py", ".typed")}
    with zipfile.ZipFile(wheel) as archive:
        assert there <= set(archive.namelist())
    assert f"{package}/py.typed" in there


def test_an_agent_gets_msgspec_and_nothing_else(metadata: Message) -> None:
    assert needs(metadata, None) == {"msgspec"}


def test_every_way_in_is_an_extra(metadata: Message) -> None:
    assert set(metadata.get_all("Provides-Extra", [])) == EXTRAS
    assert needs(metadata, "agentex") == {"agentex-sdk"}
    assert needs(metadata, "sgp") == {"httpx"}
    assert {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "requests"} <= needs(metadata, "otel")


def test_opentelemetry_finds_our_session_by_its_entry_point(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        said = archive.read(name).decode()
    group = said.partition("[opentelemetry_otlp_credential_provider]\n")[2]
    assert re.match(r"inspan = inspan\.otel\.[a-z_.]+:[a-z_]+\n", group)


def test_in_an_environment_with_the_wheel_and_msgspec_the_client_imports_nothing_else(
    wheel: Path, tmp_path: Path
) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, timeout=60)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(venv)}))
    # The one that is installed here: a test asks no registry.
    (site / "msgspec").symlink_to(Path(sysconfig.get_path("platlib")) / "msgspec")
    install = [sys.executable, "-m", "pip", "--python", str(venv), "install", "--no-index", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=60)
    run = [str(venv / "bin/python"), "-I", "-W", "error", "-c", WHERE_FROM]
    said = json.loads(subprocess.run(run, check=True, capture_output=True, timeout=60).stdout)
    ours = {Path(file) for file in said["found"].values() if file and str(site) in file}
    assert site / "inspan/__init__.py" in ours
    assert {file.relative_to(site).parts[0] for file in ours} <= {"inspan", "msgspec"}
    assert {name.partition(".")[0] for name in said["found"]} <= sys.stdlib_module_names | {"inspan", "msgspec"}


def test_the_wheel_has_every_file_of_the_page(wheel: Path) -> None:
    folder = "inspan_collector/page/assets/"
    with zipfile.ZipFile(wheel) as archive:
        packed = {name.removeprefix(folder) for name in archive.namelist() if name.startswith(folder)}
    assert packed == {path.name for path in (ROOT / "collector" / folder).iterdir()}
    assert "index.html" in packed
