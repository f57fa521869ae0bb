"""One short agent with a sidecar and without: each says what it recorded, and the upstream has it."""

import pytest
from bench.harness.sending import Silent, Unmerged, sending
from bench.harness.settings import Case, Load
from bench.harness.stage import Stage
from bench.harness.systems import DIRECT, OURS, SDK, SENDERS, SYSTEMS
from bench.peers.in_process import InProcess
from bench.peers.inspan import Inspan
from bench.peers.settings import Settings
from bench.process import Failed, cores

CASE = Case(name="20 requests/s", x=20, load=Load(rate=20), settings=Settings())
ALL: dict[str, Inspan | Silent | InProcess] = {OURS: Inspan(), **SENDERS}


@pytest.mark.parametrize("name", [OURS, Unmerged.name, SDK, DIRECT])
def test_what_an_agent_recorded_is_upstream(name: str) -> None:
    assert ALL[name].available() is None
    with Stage(*cores(), 0.4) as stage:
        found = sending(stage, ALL[name], CASE)
    assert found.spans
    assert found.lost == 0
    assert found.requests
    assert found.connections
    assert found.agent_cpu is not None
    assert found.cpu is not None
    assert found.cpu >= found.agent_cpu
    assert found.connections == (found.requests if name == DIRECT else 1)


def test_an_agent_that_records_nothing_has_only_its_own_cost() -> None:
    with Stage(*cores(), 0.4) as stage:
        found = sending(stage, Silent(), CASE)
    assert found.spans
    assert found.cpu == found.agent_cpu
    assert (found.lost, found.requests) == (None, None)


def test_an_agent_without_a_rate_is_refused() -> None:
    with Stage(*cores(), 0.1) as stage, pytest.raises(Failed, match="no rate"):
        sending(stage, SYSTEMS[OURS], Case(name="idle", x=0))
