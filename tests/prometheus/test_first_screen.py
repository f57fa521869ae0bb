"""What the first screen of the fleet says: as much as the alerts do, and of upstreams, not of gates."""

from pathlib import Path

import pytest
import yaml
from tests.prometheus.boards import filled, queries
from tests.prometheus.programs import promtool

NEW = {"inspan_start_time_seconds": "_x20 1190x20"}
OLD = {"inspan_start_time_seconds": "-86400x40"}


def series(pod: str, told: dict[str, str]) -> list[dict[str, str]]:
    """Of one sidecar: by name and own labels, the values of each minute."""
    return [
        {"series": name.rstrip("}").replace("{", f'{{pod="{pod}", ') + "}", "values": values}
        if "{" in name
        else {"series": f'{name}{{pod="{pod}"}}', "values": values}
        for name, values in told.items()
    ]


def gate(state: str, held: int) -> dict[str, str]:
    """One destination, `traces`, with this gate and so many spans behind it."""
    return {f'inspan_gate_state{{destination="traces", state="{state}"}}': "1x40"} | {
        f'inspan_{place}_spans{{destination="traces"}}': f"{count}x40"
        for place, count in {"queue": held, "in_flight": 0, "spool": 0}.items()
    }


@pytest.mark.parametrize(
    ("panel", "told", "minute", "shown"),
    [
        # First seen with 5, and 8 later.
        (
            "Lost in 5 minutes",
            [NEW | {'inspan_spans_dropped_total{destination="traces", reason="rejected"}': "_x20 5 8x20"}],
            22,
            8,
        ),
        (
            "Lost in 5 minutes",
            [OLD | {'inspan_spans_dropped_total{destination="traces", reason="rejected"}': "500x40"}],
            22,
            0,
        ),
        (
            "Lost by agents in 5 minutes",
            [NEW | {'inspan_agent_spans_dropped_total{service="planner", reason="exit"}': "_x20 4x20"}],
            22,
            4,
        ),
        ("Upstreams that refuse us", [gate("paused", 1), gate("paused", 1), gate("open", 1)], 20, 1),
        ("Upstreams that are away", [gate("shut", 7), gate("shut", 7), gate("open", 7)], 20, 1),
        ("Upstreams that are away", [gate("shut", 0)], 20, 0),
    ],
)
def test_a_number_of_the_fleet(tmp_path: Path, panel: str, told: list[dict[str, str]], minute: int, shown: int) -> None:
    (asked,) = [each for each in queries() if (each.board, each.panel) == ("inspan-fleet", panel)]
    expected = {"labels": "{}", "value": shown}
    case = {
        "interval": "1m",
        "input_series": [each for number, one in enumerate(told) for each in series(f"p{number}", one)],
        "promql_expr_test": [{"expr": filled(asked.expression), "eval_time": f"{minute}m", "exp_samples": [expected]}],
    }
    path = tmp_path / "case.yml"
    path.write_text(yaml.safe_dump({"tests": [case]}))
    code, said = promtool("test", "rules", path)
    assert code == 0, said
