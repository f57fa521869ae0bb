"""Writes helm/inspan/values.schema.json: of `config` from the Structs of the configuration, the rest from here."""

import json
from pathlib import Path
from typing import Any, Final

from inspan_collector.config.render import schema

FILE: Final = Path(__file__).parent / "inspan" / "values.schema.json"

Tree = dict[str, Any]

# Kubernetes' own rules for names of Secrets and ConfigMaps, of their keys, and of variables.
NAME: Final = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"}
KEY: Final = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,253}$"}
VARIABLE: Final = "^[A-Za-z_][A-Za-z0-9_]*$"
QUANTITY: Final = {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$"}
ATTRIBUTE: Final = '^[^,=%$"\\\\\\s]+$'  # what OTEL_RESOURCE_ATTRIBUTES, Kubernetes and YAML leave as it is


def values_schema() -> Tree:
    """The JSON schema of the chart's values.

    Of draft 7, the newest that every Helm 3 knows. Where a value does not fit, Helm names it.
    """
    config = schema()
    config.pop("$schema")
    definitions = config.pop("$defs")
    # Helm 4 shows what a pattern refuses, and an address may hold a key: the templates look at it, and do not show it.
    del definitions["DestinationConfig"]["properties"]["url"]["pattern"]
    values = _values() | {"config": config}
    # `global` is Helm's own: it reaches every chart. A null takes a value away, and the templates count on each.
    keys = _keys(**values, **{"global": {"type": "object"}}) | {"required": sorted(values)}
    title = "Values of inspan"
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": title, **keys, "$defs": definitions}


def _values() -> Tree:
    """All but `config`."""
    return {
        "enabled": {"type": "boolean"},
        "image": _keys(
            repository=_text(),
            tag=_text("^[A-Za-z0-9_.-]*$"),
            digest=_text("^(sha256:[0-9a-f]{64})?$"),
            pullPolicy={"enum": ["", "Always", "IfNotPresent", "Never"]},
        ),
        "secrets": _named(VARIABLE, _reference()),
        "files": _named(KEY["pattern"], {"oneOf": [_one("secret"), _one("configMap")]}),
        "spool": _keys(
            volume={"enum": ["emptyDir", "claim", "template"]},
            size=QUANTITY,
            claimName=_text(),
            storageClassName=_text(),
        ),
        "terminationGracePeriodSeconds": {"type": "integer", "minimum": 1},
        "fsGroup": {"type": "integer", "minimum": 0},
        "resources": {"type": "object"},  # Kubernetes' own, and more of it than we know
        "resourceAttributes": _named(ATTRIBUTE, _text(ATTRIBUTE)),
    }


def _keys(**properties: Any) -> Tree:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _text(pattern: str | None = None) -> Tree:
    return {"type": "string"} if pattern is None else {"type": "string", "pattern": pattern}


def _named(pattern: str, value: Tree) -> Tree:
    return {"type": "object", "patternProperties": {pattern: value}, "additionalProperties": False}


def _reference() -> Tree:
    return _keys(name=NAME, key=KEY) | {"required": ["name", "key"]}


def _one(kind: str) -> Tree:
    return _keys(**{kind: _reference()}) | {"required": [kind]}


def text() -> str:
    """The file's text."""
    return json.dumps(values_schema(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
