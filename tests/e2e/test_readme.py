"""What the README prints works as printed."""

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.e2e.process import INHERITED
from tests.e2e.readme import README, commands
from tests.sidecar import Sidecar


def curls() -> list[str]:
    return [each for each in commands(README.read_text(encoding="utf-8")) if "--unix-socket" in each]


def test_a_command_is_read_with_its_continued_lines_and_open_quotes() -> None:
    text = "a\n```sh\ncurl \\\n  -d '[{\n}]' x  # it's odd\nmake\n```\nb\n```json\nno\n```\n"
    assert commands(text) == ["curl \\\n  -d '[{\n}]' x  # it's odd", "make"]


def test_the_readme_shows_how_to_post_with_curl() -> None:
    assert curls()


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
@pytest.mark.parametrize("command", curls())
def test_a_curl_line_of_the_readme_posts_spans_that_are_taken_and_kept(tmp_path: Path, command: str) -> None:
    with Sidecar(env={"INSPAN_SPOOL__PATH": str(tmp_path / "spool.db")}) as sidecar:
        environ = {"INSPAN_SOCKET": str(sidecar.socket)}
        environ |= {name: value for name, value in sidecar.env.items() if name in INHERITED}
        shell = ["bash", "-euo", "pipefail", "-c", command]
        done = subprocess.run(shell, env=environ, cwd=README.parent, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr
        ledger = sidecar.stop()
    accepted = sum(book["accepted"] for book in ledger["dialects"].values())
    assert accepted > 0, f"nothing was taken: {done.stdout}"
    assert not any(book["refused"] for book in ledger["dialects"].values()), done.stdout
    assert ledger["destinations"] == {"file": {"enqueued": accepted, "delivered": accepted}}
