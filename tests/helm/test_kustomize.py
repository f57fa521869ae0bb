"""The component for those without Helm says what the chart says."""

import copy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.helm.helms import CHARTS, PATIENCE, Helm4
from tests.helm.kubelet import environment, sidecar

from inspan_collector.config.load import load

KUSTOMIZE = CHARTS / "kustomize"
SECRETS = {("collector", "token"): "hunter2"}

Tree = dict[str, Any]


def of_the_chart(helm: Helm4, chart: Path) -> Tree:
    """The pod with the values of the overlay."""
    told = next(each for each in sidecar(patch("example/inspan.yaml"))["env"] if each["name"] == "INSPAN_CONFIG_YAML")
    values = {"secrets": {"TOKEN": {"name": "collector", "key": "token"}}, "config": yaml.safe_load(told["value"])}
    return helm.render(chart, {"inspan": values}).pods[0]


def patch(name: str) -> Tree:
    found: Tree = yaml.safe_load((KUSTOMIZE / name).read_text(encoding="utf-8"))["spec"]["template"]
    return found


def without_env(pod: Tree) -> Tree:
    """The spec that the sidecar brings, less what it is told and where its image is."""
    spec = copy.deepcopy(pod["spec"])
    for key in ("env", "image"):
        sidecar({"spec": spec}).pop(key)
    volumes = [each for each in spec["volumes"] if each["name"].startswith("inspan-")]
    return {key: value for key, value in spec.items() if key != "containers"} | {"volumes": volumes}


def test_the_component_has_what_the_chart_writes(helm: Helm4, chart: Path) -> None:
    assert without_env(patch("component/pod.yaml")) == without_env(of_the_chart(helm, chart))


def test_the_overlay_tells_the_app_what_the_chart_does(helm: Helm4, chart: Path) -> None:
    app = patch("example/inspan.yaml")["spec"]["containers"][0]
    of_chart = of_the_chart(helm, chart)["spec"]["containers"][0]
    assert app["env"] == [each for each in of_chart["env"] if each["name"] != "GREETING"]
    assert app["volumeMounts"] == [each for each in of_chart["volumeMounts"] if each["name"] != "cache"]


@pytest.fixture(scope="module")
def built() -> dict[str, Tree]:
    """What the overlay comes to, by name."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("no kubectl here, which has kustomize")
    done = subprocess.run(
        [kubectl, "kustomize", KUSTOMIZE / "example"], capture_output=True, text=True, timeout=PATIENCE
    )
    if "unknown command" in done.stderr:
        pytest.skip("this kubectl has no kustomize")
    assert done.returncode == 0, done.stderr
    return {each["metadata"]["name"]: each for each in yaml.safe_load_all(done.stdout)}


def test_the_sidecar_goes_where_it_was_asked_for(built: dict[str, Tree]) -> None:
    shop = built["shop"]["spec"]["template"]
    assert without_env(shop) == without_env(patch("component/pod.yaml"))
    assert shop["metadata"]["labels"]["inspan.dev/sidecar"] == "true"
    assert "initContainers" not in built["cart"]["spec"]["template"]["spec"]


def test_every_kubernetes_takes_what_the_overlay_comes_to(built: dict[str, Tree], helm: Helm4) -> None:
    for version in helm.ask("versions")[-9:]:
        assert helm.ask("validate", documents=list(built.values()), kube=version) == [], version


def test_the_sidecar_understands_the_same(built: dict[str, Tree], helm: Helm4, chart: Path) -> None:
    understood = []
    for pod in (built["shop"]["spec"]["template"], of_the_chart(helm, chart)):
        variables = environment(sidecar(pod), SECRETS, {})
        understood.append(load(variables.pop("INSPAN_CONFIG_YAML"), "", variables))
    assert understood[0] == understood[1]
