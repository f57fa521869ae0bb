"""What holds for every command: `--json`, help, and exit codes that the page has."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest
from docs.pages.commands import arguments, verbs
from tests.sidecar import Sidecar

from inspan_collector.cli.main import COMMANDS, EXITS, main

VERBS = {called: command for name in COMMANDS for called, command in verbs(name)}
# What they write is JSON in any case: a line an event, a line a row.
ALWAYS = {"inspan run", "inspan spool export"}
PAGE = (Path(__file__).parents[3] / "docs/commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("called", VERBS)
def test_every_command_that_prints_can_do_so_for_programs(called: str) -> None:
    flags = {flag for action in arguments(VERBS[called]) for flag in action.option_strings}
    assert ("--json" in flags) is (called not in ALWAYS)


@pytest.mark.parametrize("called", VERBS)
def test_every_argument_of_every_command_says_what_it_is_for(called: str) -> None:
    for action in arguments(VERBS[called]):
        known = action.metavar in {"ID", "TRACE_ID"} and not action.option_strings
        assert action.help or known, f"{called}: {action.dest}"


@pytest.mark.parametrize("called", VERBS)
def test_the_page_says_what_json_of_a_command_is(called: str) -> None:
    table = PAGE.split("## For programs")[1].split("## Looking")[0]
    assert f"`{called.removeprefix('inspan ')}`" in table


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_there_and_done(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert f"usage: inspan {name}" in capsys.readouterr().out


def test_what_there_is_not_cannot_be_started(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["no-such-command"])
    assert "invalid choice" in capsys.readouterr().err


@pytest.mark.parametrize(("thrown", "code"), [(KeyboardInterrupt, 130), (None, 0)], ids=["interrupted", "done"])
def test_an_end_has_its_code(thrown: type[BaseException] | None, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def execute(_: argparse.Namespace) -> int:
        if thrown is not None:
            raise thrown
        return 0

    monkeypatch.setattr("inspan_collector.cli.check.execute", execute)
    assert main(["check"]) == code
    assert code in EXITS


@pytest.mark.parametrize("words", ["check", "check --json", "check --schema"])
@pytest.mark.parametrize(
    ("to", "why"), [(">&-", "Bad file descriptor"), ("> /dev/full", "No space left on device")], ids=["closed", "full"]
)
def test_an_output_that_takes_nothing_is_said_in_a_line(words: str, to: str, why: str) -> None:
    environment = {"INSPAN_DESTINATION_URL": "http://127.0.0.1:9/v1/traces"}
    command = f"{sys.executable} -m inspan_collector {words} {to}"
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"inspan: standard output cannot be written: {why}"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["tap --rate x", "tap --count 0", "tap --seconds soon", "quarantine ls --limit -1"])
def test_a_number_that_is_none_is_said_in_words_of_people(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words.split())
    said = capsys.readouterr().err
    assert ": expected " in said
    assert "_" not in said.splitlines()[-1]


def test_who_asks_at_the_agents_socket_is_told_the_other_one(capsys: pytest.CaptureFixture[str]) -> None:
    to = {"name": "up", "kind": "otlp", "url": "http://127.0.0.1:9/v1/traces"}
    with Sidecar({"destinations": [to]}) as sidecar:
        assert main(["tap", "--control", str(sidecar.socket)]) == 1
    said = capsys.readouterr().err
    assert "this is the agents' socket; name the sidecar's control.sock with --control" in said
    assert "{" not in said


def test_garbage_that_is_sent_is_answered_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.pb").write_bytes(b"\xff\xfe")
    to = {"name": "up", "kind": "otlp", "url": "http://127.0.0.1:9/v1/traces"}
    with Sidecar({"destinations": [to]}) as sidecar:
        assert main(["send", str(tmp_path / "x.pb"), "--socket", str(sidecar.socket)]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("400 ")
    assert second.isprintable()
    assert second[0].isalpha()
