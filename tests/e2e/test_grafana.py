"""Grafana's own types, as it publishes them, read all of each dashboard. No Grafana draws it here."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.prometheus.boards import BOARDS
from tests.prometheus.programs import ROOT

pytestmark = pytest.mark.e2e
PYTHON = ROOT / ".venv-grafana/bin/python"


def lost(board: dict[str, Any]) -> str:
    if not PYTHON.exists():
        pytest.skip("Grafana's types are not here: `make .venv-grafana/.ready` fetches them")
    reader = Path(__file__).with_name("grafana_types.py")
    done = subprocess.run([PYTHON, reader], input=json.dumps(board), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", BOARDS)
def test_grafana_knows_all_that_a_dashboard_says(name: str) -> None:
    assert lost(BOARDS[name]) == ""


@pytest.mark.parametrize("place", ["gridPos", "fieldConfig/defaults", "options"])
def test_a_word_that_it_does_not_know_is_seen(place: str) -> None:
    board = json.loads(json.dumps(BOARDS["inspan-fleet"]))
    at = next(each for each in board["panels"] if each["type"] == "stat")
    for step in place.split("/"):
        at = at[step]
    at["odd"] = 1
    assert "/odd: 1" in lost(board)
