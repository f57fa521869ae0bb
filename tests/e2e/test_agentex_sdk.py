"""The unmodified agentex-sdk in the Python that has it, a sidecar, and an upstream that holds to SGP's contract."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from tests.client.upstream import Upstream, before, until
from tests.e2e.process import free_ports
from tests.sidecar import Sidecar

AGENT: Final = Path(__file__).with_name("agentex_agent.py")
PYTHON: Final = os.environ.get("INSPAN_TEST_AGENTEX")
LONGEST: Final = 120.0  # s; the SDK takes ten to be imported on a busy machine
LINGER: Final = 0.25  # s; of an sgp destination, see KIND_DEFAULTS

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not PYTHON, reason="no Python with agentex-sdk: `make e2e` makes one"),
]

Span = dict[str, Any]


def play(scene: str, sidecar: Sidecar, **environ: str) -> dict[str, Any]:
    """See tests/e2e/agentex_agent.py."""
    known = {
        "PATH": os.environ["PATH"],
        "AGENT_NAME": "myagent",
        "AGENT_API_KEY": "S3CRET",
        "ACP_URL": "http://127.0.0.1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the SDK asks the network for prices
    }
    command = [str(PYTHON), str(AGENT), scene, str(sidecar.socket)]
    done = subprocess.run(command, env=known | environ, capture_output=True, text=True, timeout=LONGEST)
    assert done.returncode == 0, done.stderr[-4000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as made:
        yield made


@contextlib.contextmanager
def listening(upstream: Upstream) -> Iterator[tuple[Sidecar, str]]:
    """A sidecar that listens on TCP too, with its address there."""
    [port] = free_ports(1)
    with before(upstream, INSPAN_LISTEN=f"127.0.0.1:{port}") as sidecar:
        yield sidecar, f"http://127.0.0.1:{port}"


def closed(sidecar: Sidecar) -> tuple[dict[str, Any], dict[str, int]]:
    """The closing books of the dialect and of the destination; and that no key was ever said."""
    ledger = sidecar.stop()
    assert ledger["imbalance"] == 0
    assert "S3CRET" not in sidecar.text()
    return ledger["dialects"]["agentex"], ledger["destinations"]["sgp"]


def test_the_client_creates_and_updates_and_reads_every_answer(upstream: Upstream) -> None:
    with before(upstream) as sidecar:
        said = play("client", sidecar)
        made, changed, listed, ended = said["spans"]
        assert made["input"] == changed["input"] == {"a": 1}
        assert (changed["output"], changed["data"]) == ({"b": 2}, {"x": 1, "y": 2})
        assert made["id"] == changed["id"] and len(made["id"]) == 36
        assert (listed["id"], ended["input"]) == ("a/b ☃", [{"a": 1}])
        assert (said["unknown"]["kind"], said["unknown"]["body"]["code"]) == ("NotFoundError", 404)
        assert (said["wrong"]["kind"], said["wrong"]["body"]["status_code"]) == ("UnprocessableEntityError", 10422)
        assert [said[name]["status"] for name in ("retrieve", "list")] == [501, 501]
        until(lambda: len(upstream.spans()) == 2)
        received, _ = closed(sidecar)
    assert received == {"received": 5, "accepted": 4, "refused": {"not_found": 1}}
    span = upstream.spans()[made["id"]]
    assert (span["input"], span["output"], span["status"]) == ({"a": 1}, {"b": 2}, "SUCCESS")
    assert span["metadata"] == {"x": 1, "y": 2, "__source__": "agentex"}
    assert upstream.spans()["a/b ☃"]["input"] == {"value": [{"a": 1}]}


def test_five_hundred_posts_of_one_span_are_a_few_requests(upstream: Upstream) -> None:
    with before(upstream) as sidecar:
        took = play("many", sidecar)["took"]
        until(lambda: len(upstream.spans()) == 500)
        received, sent = closed(sidecar)
    assert received == {"received": 500, "accepted": 500, "refused": {}}
    assert sent == {"enqueued": 500, "delivered": 500}
    assert {span["input"]["number"] for span in upstream.spans().values()} == set(range(500))
    assert len(upstream.sink.bodies) <= took / LINGER + 2


@pytest.mark.parametrize("skip", ["0", "1"])
def test_the_sdks_own_processor_behind_its_tracers_loses_no_span(upstream: Upstream, skip: str) -> None:
    with listening(upstream) as (sidecar, url):
        environ = {"AGENTEX_BASE_URL": url, "AGENTEX_TRACING_SKIP_AGENTEX_SPAN_START": skip}
        assert play("tracers", sidecar, **environ) == {"dropped": 0}
        until(lambda: sum("end_timestamp" in span for span in upstream.spans().values()) == 60)
        received, sent = closed(sidecar)
    posts = 60 if skip == "1" else 120
    assert received == {"received": posts, "accepted": posts, "refused": {}}
    assert sent["delivered"] + sent.get("merged", 0) == posts == sent["enqueued"]
    spans = {span["name"]: span for span in upstream.spans().values()}
    assert len(spans) == 60
    for number in range(20):
        above, below, sync = (spans[f"{kind}{number}"] for kind in "abs")
        assert (above["input"], above["type"], above["trace_id"]) == ({"number": number}, "COMPLETION", "async")
        assert (below["output"], below["parent_id"]) == ({"number": number}, above["id"])
        assert below["group_id"] == "task"
        assert (sync["input"], sync["output"]) == ({"number": number}, {"number": number})
        assert sync["status"] == ("ERROR" if number % 2 else "SUCCESS")
        assert sync["metadata"].get("error_type") == ("ValueError" if number % 2 else None)


# As the SDK's SGP processor writes it


OF_ITS_ENVIRONMENT: Final = ("__acp_type__", "__agent_name__")  # which no request says


def expected(span: Span) -> Span:
    """Ours from the SDK's, where the two may differ."""
    told = {name: {"value": value} if isinstance(value, list) else value for name, value in span.items()}
    told["metadata"] = {name: value for name, value in told["metadata"].items() if name not in OF_ITS_ENVIRONMENT}
    told["group_id"] = "task"  # which that processor leaves out
    if "end_timestamp" not in told and told["status"] == "SUCCESS":
        del told["status"]  # of what still runs nobody knows it yet
    return told


def comparable(span: Span) -> Span:
    """Times as moments, and what is empty as the SDK writes it."""
    times = {name: datetime.fromisoformat(span[name]) for name in ("start_timestamp", "end_timestamp") if name in span}
    return {"input": {}, "output": {}, "metadata": {}} | span | times


@pytest.mark.parametrize("ended", ["0", "1"])
def test_a_span_is_what_the_sdks_own_sgp_processor_makes_of_it(upstream: Upstream, ended: str) -> None:
    with before(upstream) as sidecar:
        sdk = play("as_sgp", sidecar, SCENE_ENDED=ended)["sdk"]
        until(lambda: len(upstream.spans()) == 9)
        closed(sidecar)
    ours = upstream.spans()
    assert len(sdk) == 9
    assert {span["status"] for span in sdk} == {"SUCCESS", "ERROR"}
    for span in sdk:
        assert comparable(ours[span["id"]]) == comparable(expected(span))


def test_starts_and_patches_of_every_shape_end_as_whole_spans(upstream: Upstream) -> None:
    with listening(upstream) as (sidecar, url):
        environ = {"AGENTEX_BASE_URL": url, "AGENTEX_TRACING_SKIP_AGENTEX_SPAN_START": "0"}
        spans = play("as_patched", sidecar, **environ)["spans"]
        until(lambda: sum("end_timestamp" in span for span in upstream.spans().values()) == len(spans) == 9)
        received, sent = closed(sidecar)
    assert received == {"received": 18, "accepted": 18, "refused": {}}
    assert sent == {"enqueued": 18, "delivered": 9, "merged": 9}
    for span in spans:
        ours = upstream.spans()[span["id"]]
        for name in ("input", "output"):
            told = {"value": span[name]} if isinstance(span[name], list) and span[name] else span[name] or {}
            assert ours.get(name, {}) == told
        assert ours.get("parent_id") == span["parent_id"]
