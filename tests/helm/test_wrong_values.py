"""A value that does not fit stops Helm, with a message that names it and never shows a secret."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.helm.helms import Helm3, Helm4, Refused

from inspan_collector.config.destination import DestinationConfig

Tree = dict[str, Any]

TRACES: Tree = {"name": "traces", "kind": "otlp", "url": "https://collector.example/v1/traces"}
CANARY = "hunter2"

WRONG = yaml.safe_load((Path(__file__).parent / "wrong_values.yaml").read_text(encoding="utf-8"))


def destination(**keys: Any) -> Tree:
    return {"config": {"destinations": [TRACES | keys]}}


def header(name: str, text: str) -> Tree:
    return destination(headers={name: text})


WRITTEN_OUT = {
    "authorization": f"Bearer {CANARY}",
    "Authorization": CANARY,
    "x-api-key": CANARY,
    "api-key": CANARY,
    "x-access-token": CANARY,
    "cookie": f"session={CANARY}",
    "x-honeycomb-team": CANARY,
    "x-forwarded": f"Basic {CANARY}",  # whatever it is called
    "x-secret": f"{CANARY}${{TOKEN}}",  # a part of it by reference is not enough
    "proxy-authorization": "opensesame ",  # nor is what looks like a scheme alone
    "x-passwd": f"$${{{CANARY}}}",  # and this is none
}


def asked(values: Tree) -> Tree:
    """On top of what is right."""
    return {"inspan": values}


@pytest.mark.parametrize("case", WRONG, ids=[each["wrong"] for each in WRONG])
def test_a_wrong_value_is_named(case: Tree, helm: Helm4, chart: Path) -> None:
    with pytest.raises(Refused) as refused:
        helm.render(chart, asked(case["values"]))
    for part in case["named"]:
        assert part in str(refused.value)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_a_credential_that_is_written_out_is_refused_and_not_shown(name: str, helm: Helm4, chart: Path) -> None:
    values = header(name, WRITTEN_OUT[name]) | {"secrets": {"TOKEN": {"name": "up", "key": "token"}}}
    with pytest.raises(Refused) as refused:
        helm.render(chart, asked(values))
    assert f"inspan.config.destinations[0].headers.{name}: is written out" in str(refused.value)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{CANARY}@up.example/",
        f"HTTPS://me:{CANARY}@up.example/",
        f"https://me:{CANARY}/x@up.example/",
        f"https://up.example/v1?api_key={CANARY}",
        f"up.example/v1?api_key={CANARY}",  # nor by what would look at its form first
        f"me:{CANARY}@up.example",
    ],
)
def test_a_credential_in_an_address_is_refused_and_not_shown(url: str, helm: Helm4, chart: Path) -> None:
    with pytest.raises(Refused) as refused:
        helm.render(chart, asked(destination(url=url)))
    assert "inspan.config.destinations[0].url: holds what looks like a credential" in str(refused.value)
    assert "inspan.secrets.INSPAN_DESTINATIONS__TRACES__URL" in str(refused.value)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    "url", [CANARY, f"up.example/{CANARY}", f"https://up.example/#{CANARY}", f"https://up {CANARY}"]
)
def test_what_is_no_address_is_refused_and_not_shown(url: str, helm: Helm4, helm3: Helm3, chart: Path) -> None:
    for each in (helm, helm3):
        with pytest.raises(Refused) as refused:
            each.render(chart, asked(destination(url=url)))
        assert "inspan.config.destinations[0].url: expected an address such as" in str(refused.value)
        assert CANARY not in str(refused.value)


ADDRESSES = [
    "http://up",
    "HTTPS://up.example:4318",
    "http://10.0.0.1:80/v1/traces?tenant=shop&to=a@b",
    "http://[::1]:4318/v1/traces",
    "http://up.example?tenant=1",
    "http://up_stream.shops.svc.cluster.local./",
]


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_that_the_sidecar_takes_is_taken(url: str, helm: Helm4, chart: Path) -> None:
    DestinationConfig(name="traces", kind="otlp", url=url)
    helm.render(chart, asked(destination(url=url)))


def test_what_kubernetes_takes_of_resources_and_repositories_is_taken(helm: Helm4, chart: Path) -> None:
    for repository in ("inspan", "localhost/inspan", "r.example:5000/a/b-c__d", "[::1]:5000/inspan", "10.0.0.1:80/a"):
        helm.render(chart, asked({"image": {"repository": repository}}))
    for memory in ("96Mi", "0.5Gi", "256M", 268435456, "268435456"):
        helm.render(chart, asked({"resources": {"limits": {"memory": memory}, "requests": {"memory": memory}}}))
    for cpu in (1, 0.5, "1", "0.25", "250m"):
        helm.render(chart, asked({"resources": {"limits": {"cpu": cpu}, "requests": {"cpu": cpu}}}))


@pytest.mark.parametrize("text", ["${TOKEN}", "Bearer ${TOKEN}", "Api-Token ${TOKEN}", "file:/run/secrets/inspan/key"])
def test_a_credential_by_reference_is_taken(text: str, helm: Helm4, chart: Path) -> None:
    files = {"key": {"secret": {"name": "up", "key": "key"}}}
    secrets = {"TOKEN": {"name": "up", "key": "token"}}
    helm.render(chart, asked(header("authorization", text) | {"files": files, "secrets": secrets}))
    helm.render(chart, asked(header("x-tenant", "shop-12 of Berlin")))  # and what is none may be written out


def test_a_cluster_without_native_sidecars_is_refused(helm3: Helm3, chart: Path) -> None:
    chart_file = chart / "Chart.yaml"
    whole = chart_file.read_text()
    helm3.render(chart, {}, kube="1.29.0")
    helm3.render(chart, {}, kube="1.29.3-gke.100")  # as managed clusters call themselves
    with pytest.raises(Refused, match=r"1\.29"):
        helm3.render(chart, {}, kube="1.28.9")
    try:
        # The app's own chart may forget to say it.
        chart_file.write_text("\n".join(line for line in whole.splitlines() if "kubeVersion" not in line))
        with pytest.raises(
            Refused,
            match="inspan needs Kubernetes 1.29 or later, for native sidecars; this is v1.28.9".replace(".", "[.]"),
        ):
            helm3.render(chart, {}, kube="1.28.9")
    finally:
        chart_file.write_text(whole)


@pytest.mark.parametrize("case", WRONG[:12], ids=[each["wrong"] for each in WRONG[:12]])
def test_the_oldest_helm_names_a_wrong_value_too(case: Tree, helm3: Helm3, chart: Path) -> None:
    with pytest.raises(Refused) as refused:
        helm3.render(chart, asked(case["values"]))
    assert case["named"][-1] in str(refused.value)
