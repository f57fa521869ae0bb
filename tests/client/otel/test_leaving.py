"""Exits and forks of real processes, in which nobody shuts a provider down."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.client.otel.scripted import Reply, Scripted
from tests.e2e.otel_spans import names_in

AGENT = Path(__file__).with_name("agent.py")
# s for an exit that finds no sidecar: the client's own and the provider's, 2 s each, and the start of an interpreter on
# a busy machine. The SDK's own exporter takes up to 30 s.
BUDGET = 15.0

pytestmark = pytest.mark.parametrize("kind", ["processor", "batch"])


def ran(kind: str, socket: Path, *flags: str) -> list[dict[str, Any]]:
    """The last words of an agent, and of its child first."""
    argv = [sys.executable, "-W", "error", str(AGENT), kind, "--socket", str(socket), *flags]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=BUDGET)
    return [json.loads(line) for line in done.stdout.splitlines()]


def names(sidecar: Scripted) -> Counter[str]:
    return Counter(name for _, _, name in names_in(sidecar.taken.values()))


def expected(who: str) -> Counter[str]:
    return Counter(f"{who} {number}" for number in range(100))


@pytest.mark.parametrize("when", [(), ("--late",)], ids=["early", "late"])
def test_spans_that_are_held_when_the_process_exits_arrive(kind: str, when: tuple[str, ...], sidecar: Scripted) -> None:
    (last,) = ran(kind, sidecar.path or Path(), *when)
    assert last == {"recorded": 100, "accepted": 100, "left": 0, "dropped": {}}
    assert names(sidecar) == expected("parent")
    assert json.loads(sidecar.told[-1]) == {"recorded": 100, "queued": 0, "dropped": {}}


@pytest.mark.parametrize("when", [(), ("--late",)], ids=["early", "late"])
def test_an_exit_without_a_sidecar_ends_in_time_and_counts_what_it_gives_up(
    kind: str, when: tuple[str, ...], socket: Path
) -> None:
    (last,) = ran(kind, socket, *when)
    assert last == {"recorded": 100, "accepted": 0, "left": 0, "dropped": {"exit": 100}}


def test_an_exit_beside_a_sidecar_that_takes_nothing_ends_in_time_and_tells_it(kind: str, socket: Path) -> None:
    with Scripted(socket, lambda _: Reply(503, {"Retry-After": "60"})) as sidecar:
        (last,) = ran(kind, socket)
    assert last == {"recorded": 100, "accepted": 0, "left": 0, "dropped": {"exit": 100}}
    assert json.loads(sidecar.told[-1]) == {"recorded": 100, "queued": 0, "dropped": {"exit": 100}}


def test_parent_and_child_of_a_fork_each_send_their_own_spans_once(kind: str, sidecar: Scripted) -> None:
    child, parent = ran(kind, sidecar.path or Path(), "--fork")
    assert names(sidecar) == expected("parent") + expected("child")
    assert child["accepted"] == parent["accepted"] == 100
    assert len({agent for agent, _ in sidecar.taken}) == 2
