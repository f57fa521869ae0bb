"""A small environment, made slim."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from image.slim import slim


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    package = tmp_path / "lib/python3/site-packages/some"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("A = 1\n")
    for name in ("fast.pyx", "fast.c", "fast.h", "fast.pyi", "py.typed", "page.html"):
        (package / name).write_text("")
    (tmp_path / "bin").mkdir()
    for name in ("inspan", "python", "python3", "idna", "activate"):
        (tmp_path / "bin" / name).write_text("")
    return tmp_path


def test_what_only_builders_and_people_use_is_removed(environment: Path) -> None:
    slim(environment)
    package = environment / "lib/python3/site-packages/some"
    assert {path.name for path in package.iterdir()} == {"__init__.py", "__pycache__", "py.typed", "page.html"}
    assert {path.name for path in (environment / "bin").iterdir()} == {"inspan", "python", "python3"}


def test_what_was_compiled_by_time_is_compiled_anew_by_hash(environment: Path) -> None:
    module = environment / "lib/python3/site-packages/some/__init__.py"
    subprocess.run([sys.executable, "-m", "py_compile", str(module)], check=True)
    compiled = Path(importlib.util.cache_from_source(str(module)))
    assert compiled.read_bytes()[4] == 0
    slim(environment)
    assert compiled.read_bytes()[4] == 1  # PEP 552: by hash, unchecked


@pytest.mark.skipif(shutil.which("strip") is None, reason="no strip here")
def test_a_library_that_cannot_be_stripped_stops_the_build(environment: Path) -> None:
    (environment / "lib/broken.so").write_text("no library")
    with pytest.raises(subprocess.CalledProcessError):
        slim(environment)


def test_a_module_that_cannot_be_compiled_stops_the_build(environment: Path) -> None:
    (environment / "lib/python3/broken.py").write_text("def\n")
    with pytest.raises(SystemExit):
        slim(environment)
