"""Nothing exists for measurements alone: a benchmark meets the same sidecar as everybody."""

from pathlib import Path

import pytest
from tests.sidecar import Sidecar

import inspan
import inspan_collector

NAME = "INSPAN_BENCHMARK"
# Unset, and every way to write yes or no that people try.
SPELLINGS = [None, "", "0", "1", "true", "True", "TRUE", "yes"]
PATHS = ["/benchmark", "/bench", "/v1/benchmark", "/debug", "/debug/pprof", "/debug/vars", "/profile", "/noop", "/sink"]


@pytest.mark.parametrize("text", SPELLINGS)
def test_no_path_answers_that_would_exist_for_measurements(text: str | None) -> None:
    env = {} if text is None else {NAME: text}
    with Sidecar({"destinations": [{"name": "d", "kind": "otlp", "url": "http://127.0.0.1:9"}]}, env) as sidecar:
        assert {path: sidecar.get(path)[0] for path in PATHS} == dict.fromkeys(PATHS, 404)
        assert {path: sidecar.post(path, b"")[0] for path in PATHS} == dict.fromkeys(PATHS, 404)
        assert NAME not in sidecar.text()


@pytest.mark.parametrize("package", [inspan, inspan_collector])
def test_no_code_asks_whether_it_is_measured(package: object) -> None:
    """If that changes, what is mounted has to be for exactly `true`, and the test above has to say so."""
    root = Path(str(package.__file__)).parent  # type: ignore[attr-defined]
    sources = list(root.rglob("*.py"))
    assert sources
    assert [path.name for path in sources if NAME in path.read_text() or "BENCHMARK" in path.read_text()] == []
