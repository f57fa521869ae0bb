"""What the charts tell the sidecar goes through the sidecar's own reading of it, as a kubelet hands it over."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.helm.helms import Helm4, Refused, example, examples
from tests.helm.kubelet import environment, expand, sidecar
from tests.sidecar import Sidecar

from inspan_collector.cli.main import main
from inspan_collector.config.load import load
from inspan_collector.config.model import Config
from inspan_collector.config.values import Size

SECRETS = {("collector", "token"): "hunter2", ("sgp", "api-key"): "hunter3"}
WITH = [name for name in examples() if name != "off"]


def told(pod: dict[str, Any]) -> dict[str, str]:
    """The sidecar's environment."""
    return environment(sidecar(pod), SECRETS, {})


def understood(pod: dict[str, Any]) -> Config:
    variables = told(pod)
    return load(variables.pop("INSPAN_CONFIG_YAML"), "INSPAN_CONFIG_YAML", variables)


@pytest.mark.parametrize("name", WITH)
def test_inspan_check_takes_what_an_example_says(
    name: str, helm: Helm4, chart: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for pod in helm.render(chart, example(name)).pods:
        for variable, value in told(pod).items():
            monkeypatch.setenv(variable, value)
        assert main(["check"]) == 0
        said = capsys.readouterr()
        assert said.err == ""  # nothing had to be decided because nobody said
        assert "hunter" not in said.out


@pytest.mark.parametrize("name", WITH)
def test_the_sidecar_understands_what_the_values_say(name: str, helm: Helm4, chart: Path) -> None:
    values = example(name).get("inspan", {})
    written = values.get("config") or yaml.safe_load((chart / "values.yaml").read_text())["inspan"]["config"]
    for pod in helm.render(chart, example(name)).pods:
        got = understood(pod)
        environ = {key: value for key, value in told(pod).items() if key != "INSPAN_CONFIG_YAML"}
        wanted = load(yaml.safe_dump(written), "values", environ)
        assert got.destinations == wanted.destinations
        assert (got.listen, got.limits, got.memory) == (wanted.listen, wanted.limits, wanted.memory)
        assert (got.spool is None) == (wanted.spool is None)


def test_what_kubernetes_would_read_otherwise_arrives_as_it_was_written(helm: Helm4, chart: Path) -> None:
    headers = {
        "x-money": "$$ and $(TOKEN) and $",
        "x-braces": "$${meant}",
        "authorization": "Bearer ${TOKEN}",
        "x_under-Score": "kept",
    }
    values = example("otlp-over-tcp")
    values["inspan"]["config"]["destinations"][0]["headers"] = headers
    pod = helm.render(chart, values).pods[0]
    got = understood(pod).destinations[0].headers
    assert {name: secret.reveal() for name, secret in got.items()} == {
        "x-money": "$$ and $(TOKEN) and $",
        "x-braces": "${meant}",
        "authorization": "Bearer hunter2",
        "x_under-score": "kept",
    }


def test_the_kubelets_expansion_is_read_as_kubernetes_has_it() -> None:
    # The cases of its own tests: k8s.io/kubernetes/third_party/forked/golang/expansion.
    known = {"VAR_A": "A", "VAR_EMPTY": ""}
    for text, wanted in {
        "$(VAR_A)": "A",
        "___$(VAR_EMPTY)___": "______",
        "$(VAR_DNE)": "$(VAR_DNE)",
        "$$(VAR_A)": "$(VAR_A)",
        "$$$(VAR_A)": "$A",
        "$$$$(VAR_A)": "$$(VAR_A)",
        "$VAR_A": "$VAR_A",
        "${VAR_A}": "${VAR_A}",
        "foo$": "foo$",
        "$?_boo_$!": "$?_boo_$!",
    }.items():
        assert expand(text, known) == wanted


def test_large_numbers_stay_whole_numbers(helm: Helm4, chart: Path) -> None:
    pod = helm.render(chart, example("otlp-over-tcp")).pods[0]
    assert understood(pod).destinations[0].queue.max_bytes == 33_554_432


def test_a_spool_fits_its_volume_and_says_what_it_outlives(helm: Helm4, chart: Path) -> None:
    spool = understood(helm.render(chart, example("spool")).pods[0]).spool
    assert spool is not None
    assert (spool.max_bytes, spool.lifetime) == (Size("1GiB"), "pod")
    for name, wanted in {"stateful": "8GiB", "claim": "2GiB"}.items():
        spool = understood(helm.render(chart, example(name)).pods[0]).spool
        assert spool is not None
        assert (spool.max_bytes, spool.lifetime) == (Size(wanted), "persistent")


def test_an_address_that_holds_a_key_comes_out_of_a_secret(helm: Helm4, chart: Path) -> None:
    variable = "INSPAN_DESTINATIONS__TRACES__URL"
    values = {
        "inspan": {
            "secrets": {variable: {"name": "collector", "key": "url"}},
            "config": {"destinations": [{"name": "traces", "kind": "otlp"}]},
        }
    }
    pod = helm.render(chart, values).pods[0]
    variables = environment(sidecar(pod), {("collector", "url"): "https://up.example/?key=hunter2"}, {})
    assert load(variables["INSPAN_CONFIG_YAML"], "", variables).destinations[0].url == "https://up.example/?key=hunter2"


@pytest.mark.parametrize("name", ["sgp", "spool"])
def test_a_sidecar_that_was_told_so_stays_within_its_volumes(
    name: str, helm: Helm4, chart: Path, tmp_path: Path
) -> None:
    """Where it does not, the pod is evicted. Beside the socket and the spool it keeps its books."""
    values = example(name)
    if name == "spool":  # as little as the chart allows
        values["inspan"]["config"]["spool"] = {"max_bytes": "256MiB"}
        values["inspan"]["spool"] = {"size": "321Mi"}
        with pytest.raises(Refused, match=r"inspan\.spool\.size: 321Mi"):
            helm.render(chart, values)
        values["inspan"]["spool"] = {"size": "322Mi"}
    pod = helm.render(chart, values).pods[0]
    limits = {
        each["name"]: Size(each["emptyDir"]["sizeLimit"]) for each in pod["spec"]["volumes"] if "emptyDir" in each
    }
    here = {
        "INSPAN_ADMIN__LISTEN": "127.0.0.1:0",
        "INSPAN_DRAIN__TERMINATION_MESSAGE": "null",
        "INSPAN_DESTINATIONS__SCALE__TLS__CA_FILE": "null",
        "INSPAN_SOCKET": str(tmp_path / "run" / "inspan.sock"),
    }
    if "inspan-spool" in limits:
        here["INSPAN_SPOOL__PATH"] = str(tmp_path / "lib" / "spool.db")
    for directory in ("run", "lib"):
        (tmp_path / directory).mkdir()
    with Sidecar(None, env=told(pod) | here) as running:
        running.stop()
    assert blocks(tmp_path / "run") < limits["inspan-socket"] / 2  # a start has them twice for a moment
    if "inspan-spool" in limits:
        spool = understood(pod).spool
        assert spool is not None
        ballast = blocks(tmp_path / "lib", "*.ballast")
        assert ballast >= 16 << 20
        books = blocks(tmp_path / "lib") - ballast
        assert books > 10 << 20  # so that this would see books that are elsewhere
        assert spool.max_bytes + ballast + 2 * books < limits["inspan-spool"]
    else:
        assert blocks(tmp_path / "run") > 4 << 20  # so that this would see books that are elsewhere


def blocks(directory: Path, pattern: str = "*") -> int:
    """Bytes on disk, as a kubelet counts them."""
    return sum(path.lstat().st_blocks * 512 for path in directory.rglob(pattern))
