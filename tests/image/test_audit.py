"""A pip-audit that says what a real one said once, as a program that is really run."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from image.audit import audit

KNOWN = {"id": "PYSEC-2014-8", "fix_versions": ["2.7.2"], "aliases": [], "description": ""}
CONTROL = {"name": "jinja2", "version": "2.4.1", "vulns": [KNOWN]}
CLEAN = {"name": "msgspec", "version": "0.22.0", "vulns": []}
BAD = {"name": "aiohttp", "version": "3.0.0", "vulns": [{**KNOWN, "id": "PYSEC-1", "fix_versions": ["3.14.5"]}]}
HOPELESS = {"name": "idna", "version": "3.20", "vulns": [{**KNOWN, "id": "PYSEC-2", "fix_versions": []}]}
UNTOLD = {"name": "isal", "skip_reason": "Dependency not found on PyPI and could not be audited: isal (1.9.1)"}


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    (tmp_path / "run.txt").write_text("msgspec==0.22.0\n")
    return tmp_path / "run.txt"


def pip_audit(folder: Path, control: Any, pins: Any) -> str:
    """Answers about the control, and about pins; a text is not JSON: it failed."""
    program = folder / "pip-audit"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"control, pins = {said(control)!r}, {said(pins)!r}\n"
        "print(pins if sys.argv[-1].endswith('run.txt') else control)\n"
    )
    program.chmod(0o755)
    return str(program)


def said(answer: Any) -> str:
    return answer if isinstance(answer, str) else json.dumps({"dependencies": answer, "fixes": []})


def test_pins_against_which_nothing_is_known_pass(
    tmp_path: Path, pins: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(pip_audit(tmp_path, [CONTROL], [CLEAN]), [pins]) == 0
    assert "nothing is known against" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (BAD, "aiohttp 3.0.0: PYSEC-1, repaired in 3.14.5"),
        (HOPELESS, "idna 3.20: PYSEC-2, repaired in no version"),
        (UNTOLD, "isal: NOT AUDITED"),
    ],
)
def test_what_is_known_or_was_not_told_fails(
    tmp_path: Path, pins: Path, capsys: pytest.CaptureFixture[str], found: Any, words: str
) -> None:
    assert audit(pip_audit(tmp_path, [CONTROL], [CLEAN, found]), [pins]) == 1
    assert words in capsys.readouterr().out


@pytest.mark.parametrize("control", ["a traceback", [{**CONTROL, "vulns": []}], [{**UNTOLD, "name": "jinja2"}]])
def test_a_service_that_does_not_know_what_everybody_knows_is_no_answer(
    tmp_path: Path, pins: Path, capsys: pytest.CaptureFixture[str], control: Any
) -> None:
    assert audit(pip_audit(tmp_path, control, [CLEAN]), [pins]) == 0
    assert audit(pip_audit(tmp_path, control, [CLEAN]), [pins], strict=True) == 1
    assert capsys.readouterr().out.startswith("NOT AUDITED")


def test_a_service_that_falls_silent_half_way_fails(
    tmp_path: Path, pins: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(pip_audit(tmp_path, [CONTROL], "a traceback"), [pins]) == 1
    assert "run.txt: NOT AUDITED" in capsys.readouterr().out
