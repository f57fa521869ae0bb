"""The real agentex-sdk with our processors, in the Python that has it."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.client.upstream import Upstream, before, until
from tests.sidecar import Sidecar

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = os.environ.get("INSPAN_TEST_AGENTEX")
LONGEST: Final = 120.0  # s; the SDK takes ten to be imported on a busy machine, and a deadlock takes for ever

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not PYTHON, reason="no Python with agentex-sdk: `make e2e` makes one"),
]


def run(program: Path, *arguments: str, **environ: str) -> str:
    """What it says on its standard output. Fails where it fails."""
    known = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "client"),  # this checkout's, whatever is installed there
        "AGENT_NAME": "myagent",
        "AGENT_ID": "ag1",
        "ACP_URL": "http://127.0.0.1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the SDK asks the network for prices
    }
    command = [str(PYTHON), str(program), *arguments]
    done = subprocess.run(command, env=known | environ, capture_output=True, text=True, timeout=LONGEST)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def play(scene: str, socket: Path, **environ: str) -> dict[str, Any]:
    """See tests/client/agentex_scenes.py."""
    said: dict[str, Any] = json.loads(
        run(ROOT / "tests/client/agentex_scenes.py", scene, str(socket), **environ).splitlines()[-1]
    )
    return said


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as made:
        yield made


@pytest.fixture
def sidecar(upstream: Upstream) -> Iterator[Sidecar]:
    with before(upstream) as made:
        yield made


def test_our_spans_are_those_of_the_sdks_own_sgp_processor(tmp_path: Path) -> None:
    said = play("as_the_sdk", tmp_path / "nobody.sock", AGENT_VERSION="v1")
    assert len(said["sdk"]) == 36
    assert said["ours"] == said["sdk"]
    assert {span["status"] for span in said["ours"]} == {"SUCCESS", "ERROR"}


def test_a_second_loop_threads_and_loops_that_end_at_once_lose_nothing(sidecar: Sidecar, upstream: Upstream) -> None:
    said = play("two_loops", sidecar.socket)
    until(lambda: len(upstream.spans()) == said["spans"])
    ledger = sidecar.stop()
    assert ledger["dialects"]["spans"] == {"received": 36, "accepted": 36, "refused": {}}
    assert len(upstream.copies()) == said["spans"]  # starts and ends are one write


def test_the_synchronous_tracer_is_flushed_by_the_sdks_shutdown(sidecar: Sidecar, upstream: Upstream) -> None:
    assert play("synchronous", sidecar.socket) == {"queued": 0}
    until(lambda: len(upstream.spans()) == 5)


def test_a_span_may_end_in_another_process(sidecar: Sidecar, upstream: Upstream) -> None:
    started = play("start_alone", sidecar.socket)["span"]
    play("end_alone", sidecar.socket, SCENE_SPAN=json.dumps(started))
    until(lambda: "end_timestamp" in upstream.spans().get(started["id"], {}))
    (span,) = upstream.spans().values()
    assert (span["input"], span["output"]) == ({"a": 1}, {"b": 2})


def test_values_without_json_and_spans_that_are_none_cost_only_themselves(sidecar: Sidecar, upstream: Upstream) -> None:
    said = play("odd_values", sidecar.socket)
    until(lambda: len(upstream.spans()) == 6)
    assert [upstream.spans()[f"s{number}"]["input"]["i"] for number in range(6)] == [*range(6)]
    assert said["recorded"] == 14
    assert said["dropped"]["unencodable"] == sum(said["dropped"].values()) == 2


def test_prompts_without_a_sidecar_fill_a_bound_in_bytes_and_every_loss_has_its_reason(tmp_path: Path) -> None:
    said = play("prompts", tmp_path / "nobody.sock")
    assert said["recorded"] == 400 == said["queued"] + said["full"]
    assert said["full"] > 200
    assert said["most"] - 60_000 < said["held"] <= said["most"]
    assert said["exit"] == said["queued"]


def test_a_shutdown_without_a_sidecar_takes_its_budget_and_the_loop_goes_on(tmp_path: Path) -> None:
    said = play("shutdown", tmp_path / "nobody.sock")
    assert said["queued"] == 6
    assert 1.9 < said["took"] < 8  # s; the budget is 2
    assert said["longest"] < said["took"] / 2


def test_a_client_without_starts_records_ends_alone(tmp_path: Path) -> None:
    assert play("ends_only", tmp_path / "nobody.sock") == {"ended": [True, True]}


def test_registering_twice_records_once_and_the_processors_of_others_hear_of_every_span(sidecar: Sidecar) -> None:
    said = play("registered_again", sidecar.socket)
    assert said["same"]
    assert said["recorded"] == 4
    assert sorted(said["others"]) == ["end turn 0", "end turn 1", "start turn 0", "start turn 1"]


def test_the_example_loses_no_span(sidecar: Sidecar, upstream: Upstream) -> None:
    run(ROOT / "docs/examples/agentex_tracing.py", INSPAN_SOCKET=str(sidecar.socket))
    until(lambda: len(upstream.spans()) == 2)
    above, below = sorted(upstream.spans().values(), key=lambda span: str(span["name"]))
    assert (above["name"], below["name"], below["parent_id"]) == ("agent.turn", "llm.chat", above["id"])
    assert below["output"] == {"text": "hello"}
    assert below["type"] == "COMPLETION"
