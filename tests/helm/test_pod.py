"""What is true of every pod with the sidecar, whatever the values."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.helm.helms import CHARTS, Helm3, Helm4, Rendered, example, examples
from tests.helm.kubelet import environment, sidecar

WITH = [name for name in examples() if name != "off"]
ADDED = {"deployment": 6, "job": 3, "statefulset": 4}  # lines with our templates in them; six is the promise


@pytest.fixture(params=WITH)
def rendered(request: pytest.FixtureRequest, helm: Helm4, chart: Path) -> Rendered:
    return helm.render(chart, example(request.param))


def app(pod: dict[str, Any]) -> dict[str, Any]:
    return next(iter(pod["spec"]["containers"]))


@pytest.mark.parametrize("name", ADDED)
def test_a_pod_needs_six_added_lines_at_most(name: str) -> None:
    text = (CHARTS / "example" / "templates" / f"{name}.yaml").read_text(encoding="utf-8")
    added = [line for line in text.splitlines() if "{{" in line and "inspan" in line]
    assert len(added) == ADDED[name] <= 6


def test_every_kubernetes_from_1_29_on_takes_it(rendered: Rendered, helm: Helm4) -> None:
    versions = [version for version in helm.ask("versions") if int(version.split(".")[1]) >= 29]
    assert versions[0] == "1.29.0" and len(versions) >= 9
    for version in versions:
        assert helm.ask("validate", documents=rendered.documents, kube=version) == [], version


def test_a_key_that_kubernetes_does_not_know_is_seen(rendered: Rendered, helm: Helm4) -> None:
    documents = rendered.documents
    sidecar(documents[0]["spec"]["template"])["startupProb"] = {}
    assert "startupProb" in str(helm.ask("validate", documents=documents, kube="1.29.0"))


def test_the_sidecar_is_a_native_one(rendered: Rendered) -> None:
    for pod in rendered.pods:
        always = [each for each in pod["spec"]["initContainers"] if each.get("restartPolicy") == "Always"]
        assert [each["name"] for each in always] == ["inspan"]
        assert always[0]["startupProbe"]["httpGet"]["path"] == "/readyz"
        assert always[0]["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert "readinessProbe" not in always[0]  # it would gate the app
        assert "lifecycle" not in always[0]  # a preStop runs while the app still works


def test_the_pod_may_run_where_the_restricted_standard_holds(rendered: Rendered) -> None:
    for pod in rendered.pods:
        assert not any("hostPath" in volume for volume in pod["spec"]["volumes"])
        for container in pod["spec"]["initContainers"] + pod["spec"]["containers"]:
            context = container["securityContext"]
            assert context["runAsNonRoot"] is True and context["runAsUser"] > 0
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert sidecar(pod)["securityContext"]["readOnlyRootFilesystem"] is True


def test_memory_has_a_limit_and_the_cpu_has_none(rendered: Rendered) -> None:
    for pod in rendered.pods:
        resources = sidecar(pod)["resources"]
        assert "memory" in resources["limits"] and "cpu" not in resources["limits"]
        assert {"cpu", "memory"} <= resources["requests"].keys()


def test_every_mount_has_a_volume_and_every_volume_a_bound(rendered: Rendered) -> None:
    for document in rendered.documents:
        spec = document["spec"]["template"]["spec"]
        claims = {each["metadata"]["name"] for each in document["spec"].get("volumeClaimTemplates", [])}
        volumes = [each["name"] for each in spec["volumes"]]
        assert len(volumes) == len(set(volumes))
        for container in spec["initContainers"] + spec["containers"]:
            assert {each["name"] for each in container["volumeMounts"]} <= {*volumes, *claims}
        assert all("sizeLimit" in each["emptyDir"] for each in spec["volumes"] if "emptyDir" in each)


def test_ports_are_named_and_the_probes_use_the_name(rendered: Rendered) -> None:
    for pod in rendered.pods:
        ports = {each["name"]: each["containerPort"] for each in sidecar(pod)["ports"]}
        assert ports["inspan-admin"] == 19464
        assert all(len(name) <= 15 for name in ports)  # IANA_SVC_NAME, which Kubernetes asks for
        probes = [sidecar(pod)[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe")]
        assert probes == ["inspan-admin", "inspan-admin"]


def test_the_app_finds_the_socket_where_the_sidecar_has_it(rendered: Rendered) -> None:
    for pod in rendered.pods:
        mounts = [
            {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
            for container in (app(pod), sidecar(pod))
        ]
        assert mounts[0]["inspan-socket"] == mounts[1]["inspan-socket"] == "/run/inspan"
        sockets = [
            {each["name"]: each.get("value") for each in container["env"]}["INSPAN_SOCKET"]
            for container in (app(pod), sidecar(pod))
        ]
        assert sockets == ["/run/inspan/inspan.sock"] * 2
        assert pod["metadata"]["labels"]["inspan.dev/sidecar"] == "true"


def test_no_container_but_the_sidecar_may_change_the_directory_of_the_socket(rendered: Rendered) -> None:
    for pod in rendered.pods:
        for container in pod["spec"]["initContainers"] + pod["spec"]["containers"]:
            mounts = [each for each in container.get("volumeMounts", ()) if each["name"] == "inspan-socket"]
            assert all(each.get("readOnly", False) is (container["name"] != "inspan") for each in mounts)
            assert mounts or container["name"] not in ("inspan", app(pod)["name"])


def test_no_variable_is_given_twice(rendered: Rendered) -> None:
    for pod in rendered.pods:
        for container in (app(pod), sidecar(pod)):
            names = [each["name"] for each in container["env"]]
            assert len(names) == len(set(names))


def test_the_app_learns_which_pod_it_is(helm: Helm4, chart: Path) -> None:
    fields = {"metadata.name": "shop-1", "metadata.namespace": "n", "metadata.uid": "u", "spec.nodeName": "node"}
    pod = helm.render(chart, example("otlp-over-tcp")).pods[0]
    variables = environment(app(pod), {}, fields)
    assert variables["OTEL_RESOURCE_ATTRIBUTES"] == (
        "k8s.pod.name=shop-1,k8s.namespace.name=n,k8s.pod.uid=u,k8s.node.name=node,deployment.environment.name=live"
    )


def test_an_sdk_is_pointed_at_the_sidecar_for_traces_alone(helm: Helm4, chart: Path) -> None:
    variables = {
        each["name"]: each.get("value") for each in app(helm.render(chart, example("otlp-over-tcp")).pods[0])["env"]
    }
    assert variables["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == "http://127.0.0.1:4318/v1/traces"
    assert variables["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] == "http/protobuf"
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in variables  # metrics and logs would be answered 404
    variables = {each["name"]: each.get("value") for each in app(helm.render(chart, {}).pods[0])["env"]}
    assert not any(name.startswith("OTEL_EXPORTER") for name in variables)


def test_the_pod_has_time_for_the_app_and_then_for_the_drain(rendered: Rendered) -> None:
    for pod in rendered.pods:
        told = yaml.safe_load({each["name"]: each.get("value") for each in sidecar(pod)["env"]}["INSPAN_CONFIG_YAML"])
        deadline = float(told["drain"]["deadline"].removesuffix("s"))
        assert pod["spec"]["terminationGracePeriodSeconds"] >= deadline + 5


def test_pods_of_the_app_share_a_group_with_the_sidecar(helm: Helm4, chart: Path) -> None:
    assert helm.render(chart, {}).pods[0]["spec"]["securityContext"]["fsGroup"] == 65532
    assert (
        "securityContext" not in helm.render(chart, example("claim")).pods[0]["spec"]
    )  # the app's chart writes its own


CRON = """\
{{- $pod := merge (dict "Values" (merge (dict "inspan" (dict "fsGroup" 65532)) .Values)) . }}
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          {{- include "inspan.pod" $pod | nindent 10 }}
          containers:
            - name: app
              image: registry.example/app:1
"""


def test_one_pod_of_a_chart_may_have_another_value_than_the_others(helm: Helm4, chart: Path, tmp_path: Path) -> None:
    both = shutil.copytree(chart, tmp_path / "example")
    (both / "templates" / "cron.yaml").write_text(CRON, encoding="utf-8")
    documents = helm.render(both, example("claim")).documents
    (cron,) = [each for each in documents if each["kind"] == "CronJob"]
    assert cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["securityContext"]["fsGroup"] == 65532
    (deployment,) = [each for each in documents if each["kind"] == "Deployment"]
    assert "securityContext" not in deployment["spec"]["template"]["spec"]
    (line,) = [line for line in CRON.splitlines() if "$pod :=" in line]
    assert line in (CHARTS / "README.md").read_text(encoding="utf-8")


DISK = CRON.replace('(dict "fsGroup" 65532)', '(dict "spool" (dict "volume" "emptyDir"))')


def test_pods_beside_a_statefulset_have_a_spool_of_their_own(
    helm: Helm4, helm3: Helm3, chart: Path, tmp_path: Path
) -> None:
    all_three = shutil.copytree(chart, tmp_path / "example")
    templates = all_three / "templates"
    (templates / "cron.yaml").write_text(DISK, encoding="utf-8")
    deployment = (
        (templates / "deployment.yaml").read_text(encoding="utf-8").replace("if not .Values.stateful", "if true")
    )
    pod = DISK.splitlines()[0]
    own = re.sub(r'(include "inspan[^"]*") \.', r"\1 $pod", deployment)
    (templates / "deployment.yaml").write_text(f"{pod}\n{own}", encoding="utf-8")
    for each in (helm, helm3):
        found = {one["kind"]: one["spec"] for one in each.render(all_three, example("stateful")).documents}
        assert found.keys() == {"CronJob", "Deployment", "StatefulSet"}
        claims = [one["metadata"]["name"] for one in found["StatefulSet"]["volumeClaimTemplates"]]
        assert claims == ["inspan-spool"]
        assert spools(found["StatefulSet"]) == ([], "persistent")
        size = [{"sizeLimit": "10Gi"}]
        assert spools(found["Deployment"]) == spools(found["CronJob"]["jobTemplate"]["spec"]) == (size, "pod")


def spools(spec: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """The spool's emptyDir, if the pod has one, and what the sidecar takes the volume for."""
    pod = spec["template"]
    told = {each["name"]: each.get("value") for each in sidecar(pod)["env"]}["INSPAN_CONFIG_YAML"]
    volumes = [each["emptyDir"] for each in pod["spec"]["volumes"] if each["name"] == "inspan-spool"]
    return volumes, yaml.safe_load(told)["spool"]["lifetime"]


def test_zero_and_false_do_not_win_in_a_merge(helm: Helm4, chart: Path, tmp_path: Path) -> None:
    """As the page says; where it came to be otherwise, it could say less."""
    both = shutil.copytree(chart, tmp_path / "example")
    cron = CRON.replace('(dict "fsGroup" 65532)', '(dict "fsGroup" 0 "enabled" false)')
    (both / "templates" / "cron.yaml").write_text(cron, encoding="utf-8")
    (found,) = [each for each in helm.render(both, {}).documents if each["kind"] == "CronJob"]
    spec = found["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert spec["securityContext"]["fsGroup"] == 65532 and "initContainers" in spec


def test_claims_are_made_where_a_pod_is_to_have_one_and_nowhere_else(helm: Helm4, chart: Path) -> None:
    values = {"stateful": True, "inspan": {"config": {"spool": {}}}}
    (document,) = helm.render(chart, values).documents
    assert "volumeClaimTemplates" not in document["spec"]  # it would take the place of the emptyDir
    assert spools(document["spec"]) == ([{"sizeLimit": "2Gi"}], "pod")


def test_without_the_sidecar_the_pod_is_what_it_was(helm: Helm4, chart: Path) -> None:
    off = helm.render(chart, example("off"))
    for pod in off.pods:
        assert pod["spec"].keys() <= {"containers", "restartPolicy", "volumes"}
    assert "inspan" not in re.sub(r"^#.*$", "", "".join(off.text.values()), flags=re.MULTILINE)
    assert off.notes.strip() == ""


def test_what_yaml_and_templates_would_read_otherwise_stays_as_it_is(helm: Helm4, chart: Path) -> None:
    values = example("claim")
    values["inspan"] |= {
        "fsGroup": 1000660000,  # a float64 in templates, and 1.00066e+09 as text
        "secrets": {"NO": {"name": "1234", "key": "on"}},
        "files": {"1.0": {"secret": {"name": "5678", "key": "null"}}},
    }
    spec = helm.render(chart, values).pods[0]["spec"]
    assert spec["securityContext"]["fsGroup"] == 1000660000
    reference = {"name": "NO", "valueFrom": {"secretKeyRef": {"name": "1234", "key": "on"}}}
    assert reference in spec["initContainers"][0]["env"]
    files = next(each for each in spec["volumes"] if each["name"] == "inspan-files")
    item = {"secret": {"name": "5678", "items": [{"key": "null", "path": "1.0"}]}}
    assert files["projected"]["sources"] == [item]
