"""Helm 4 and the API of Kubernetes, in the environment that has them: a line of JSON in, a line out, until EOF."""

import functools
import json
import sys
from typing import Any

import helm_python
import kubernetes_validate
from kubernetes_validate import utils

# It reads 2 MB of definitions for each document.
utils.schema_contents = functools.cache(utils.schema_contents)

CHARTS: dict[str, helm_python.Chart] = {}


def render(ask: dict[str, Any]) -> Any:
    """Files by path, as text."""
    chart = CHARTS.setdefault(ask["chart"], helm_python.Chart.load(ask["chart"]))
    chart.validate_schema(ask["values"])
    return chart.render(ask["values"], name=ask["name"], namespace=ask["namespace"])


def lint(ask: dict[str, Any]) -> Any:
    """What there is to say of a chart, the advice to have an icon aside."""
    report = helm_python.lint(ask["chart"], ask["values"], strict=True, kube_version=ask["kube"])
    return report["errors"] + [each["error"] for each in report["messages"] if each["severity"] > 1]


def versions(_: dict[str, Any]) -> Any:
    """The versions of Kubernetes whose API is known here."""
    return list(dict.fromkeys(utils.all_versions()))


def validate(ask: dict[str, Any]) -> Any:
    """What Kubernetes of that version would not take, unknown keys included."""
    wrong = []
    for document in ask["documents"]:
        try:
            kubernetes_validate.validate(document, ask["kube"], strict=True)
        except kubernetes_validate.ValidationError as error:
            wrong.append(f"{document['kind']}: {'.'.join(map(str, error.path))}: {error.message}")
    return wrong


VERBS = {"lint": lint, "render": render, "validate": validate, "versions": versions}

for line in sys.stdin:
    ask = json.loads(line)
    try:
        answer = {"answer": VERBS[ask["verb"]](ask)}
    except helm_python.HelmError as error:
        answer = {"refused": str(error)}
    print(json.dumps(answer), flush=True)
