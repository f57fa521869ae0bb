"""Every scenario is complete: what its short run and its goals name is there."""

import pytest
from bench.harness.scenario import Scenario
from bench.harness.systems import OURS

from bench.scenarios import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda scenario: scenario.name)
def test_a_scenario_names_only_what_it_has(scenario: Scenario) -> None:
    names = [case.name for case in scenario.cases]
    assert len(set(names)) == len(names)
    assert set(scenario.quick) <= set(names)
    for goal in scenario.goals:
        assert goal.case in names
        assert goal.beside in scenario.systems
    assert OURS in scenario.systems
    assert scenario.risks
    assert scenario.figures
    assert scenario.chart == "bars" or scenario.axis
