import json
import re
from typing import Any

import pytest
import yaml

from inspan_collector.config.load import load
from inspan_collector.config.render import _TYPES, render, schema
from inspan_collector.config.values import Address, Budget, Percent, Seconds, Size, decode

# The example of the design, without the keys of later versions.
EXAMPLE = """
socket:   {path: /run/inspan/inspan.sock, mode: "0660"}
listen:   null
admin:    {listen: 127.0.0.1:19464}
memory:   {max_bytes: auto}
limits:   {max_request_bytes: 16MiB, max_span_bytes: 4MiB, max_connections: 1024}
destinations:
  - name: traces
    kind: otlp
    url: https://collector.example/v1/traces
    headers: {authorization: "${TOKEN}"}
    compression: gzip
    concurrency: 8
    queue: {max_spans: 100000, max_bytes: 64MiB, max_age: null, when_full: refuse}
    batch: {max_spans: 2000, max_bytes: 4MiB, linger: 100ms}
    retry: {initial: 500ms, max: 30s, max_attempts: null}
    timeout: 10s
spool:    {path: /var/lib/inspan/spool.db, mode: overflow, threshold: 50%, spill_after: 30s, max_bytes: 1GiB,
           max_age: null, recovery_share: 25%, ack_timeout: 5s, lifetime: pod}
drain:    {deadline: 20s, linger: 0s}
"""
WITHOUT_SECRETS = """
socket: {path: /tmp/s.sock, group: 1000, allow_uids: [1, 2]}
listen: "[::1]:4318"
memory: {max_bytes: 100MB}
limits: {header_timeout: 1.5, idle_timeout: 250us}
destinations:
  - {name: a, kind: otlp, url: "http://x/", headers: {authorization: "file:/run/token"}, max_connection_age: null}
  - {name: b, kind: sgp, url: "http://y/", account_id: "007", queue: {when_full: drop_oldest, max_age: 1h}}
  - {name: c, kind: file, path: /tmp/spans, rotate: {max_bytes: 1000, keep: 2}}
spool: {path: /data/s.db, mode: always, threshold: 12.5%, max_age: 24h, recovery_share: 29%}
drain: {termination_message: /dev/termination-log}
"""


def test_what_is_rendered_loads_as_the_same_configuration() -> None:
    config = load(WITHOUT_SECRETS, "x", {})
    assert load(render(config), "rendered", {}) == config


def test_the_defaults_render_and_load_too() -> None:
    config = load(None, "", {})
    assert load(render(config), "rendered", {}) == config


def test_secrets_are_masked_and_references_are_shown() -> None:
    text = """
destinations:
  - name: a
    kind: otlp
    url: http://x/?key=hunter2
    headers: {authorization: "Bearer ${TOKEN}", x-key: "file:/run/key", content-language: hunter2}
"""
    shown = render(load(text, "x", {"TOKEN": "hunter2"}))
    assert "hunter2" not in shown
    (destination,) = yaml.safe_load(shown)["destinations"]
    assert destination["headers"] == {"authorization": "***", "x-key": "file:/run/key", "content-language": "***"}
    assert destination["url"] == "http://x/?***"


def test_a_masked_rendering_still_loads() -> None:
    config = load(EXAMPLE, "x", {"TOKEN": "hunter2"})
    again = load(render(config), "rendered", {})
    assert again.destinations[0].headers["authorization"].reveal() == "***"
    assert (again.limits, again.spool) == (config.limits, config.spool)


def test_the_account_is_shown_once_and_in_clear() -> None:
    shown = render(load(None, "", {"SGP_API_KEY": "hunter2", "SGP_ACCOUNT_ID": "A"}))
    assert "account_id: A" in shown and "selected-account" not in shown and "hunter2" not in shown


def test_keys_that_a_kind_does_not_know_are_left_out() -> None:
    a, b, c = yaml.safe_load(render(load(WITHOUT_SECRETS, "x", {})))["destinations"]
    assert "rotate" not in a and "path" not in b and "headers" not in c and "rotate" in c


def test_sizes_times_and_percentages_are_rendered_with_units() -> None:
    shown = yaml.safe_load(render(load(WITHOUT_SECRETS, "x", {})))
    assert shown["limits"]["max_request_bytes"] == "16MiB" and shown["limits"]["header_timeout"] == "1500ms"
    assert shown["memory"]["max_bytes"] == "100000000"
    assert (shown["spool"]["threshold"], shown["spool"]["recovery_share"]) == ("12.5%", "29%")
    assert (shown["spool"]["max_age"], shown["spool"]["max_bytes"]) == ("24h", "1GiB")


def test_a_spool_that_is_not_there_is_rendered_as_off() -> None:
    assert yaml.safe_load(render(load(None, "", {})))["spool"] is None


def test_the_schema_accepts_the_designs_example() -> None:
    assert list(faults(yaml.safe_load(EXAMPLE), schema())) == []


def test_the_schema_accepts_what_is_rendered() -> None:
    assert list(faults(yaml.safe_load(render(load(WITHOUT_SECRETS, "x", {}))), schema())) == []


def test_the_schema_requires_of_a_file_only_what_it_must_say() -> None:
    assert list(faults({}, schema())) == []
    assert list(faults({"destinations": [{}]}, schema())) == ["name is missing", "kind is missing"]


def test_the_schema_finds_wrong_keys_words_and_types() -> None:
    wrong = {"limit": {}, "listen": 5, "destinations": [{"name": "A B", "kind": "x", "concurrency": 0}]}
    assert len(list(faults(wrong, schema()))) == 5
    for spool in ({"mode": "never"}, {"threshold": 50}, {"max_size": "1GiB"}, "/x"):
        assert len(list(faults({"spool": spool}, schema()))) == 1
    assert list(faults({"spool": None}, schema())) == []


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (Size, ["64MiB", "4MB", "512Ki", "1.5gib", "7", " 5 kb ", "1B", "4 megs", "5m", "MiB", "-1", "", "1e3", "5kk"]),
        (Budget, ["auto", "64MiB", "automatic", "Auto", "4 megs"]),
        (Seconds, ["1.5", "100ms", "2s", " 5m ", "1h", "7us", "5 minutes", "1H", "s", "-1s", "", "1d"]),
        (Percent, ["25%", "1.5 %", "25", "%", "x%"]),
        (Address, ["127.0.0.1:4318", "[::1]:80", "localhost:0", "localhost", "host:", "host:123456", ":80"]),
    ],
)
def test_what_a_pattern_of_the_schema_refuses_we_refuse(kind: Any, texts: list[str]) -> None:
    pattern = _TYPES[kind]["pattern"]
    for text in texts:
        try:
            decode(kind, text)
        except ValueError:
            continue
        assert re.search(pattern, text), text
    assert any(not re.search(pattern, text) for text in texts)


def test_the_schema_takes_sizes_and_times_as_text_or_number() -> None:
    for value in ("64MiB", 1024):
        assert list(faults({"limits": {"max_span_bytes": value}}, schema())) == []
    for seconds in ("1s", 1.5):
        assert list(faults({"drain": {"deadline": seconds}}, schema())) == []


def test_the_schema_tells_defaults_as_one_would_write_them() -> None:
    definitions = schema()["$defs"]
    assert definitions["LimitsConfig"]["properties"]["max_span_bytes"]["default"] == "4MiB"
    assert definitions["BatchConfig"]["properties"]["linger"]["default"] == "100ms"
    assert definitions["SpoolConfig"]["properties"]["threshold"]["default"] == "50%"
    assert definitions["SpoolConfig"]["properties"]["path"]["default"] == "/var/lib/inspan/spool.db"
    assert schema()["$defs"]["Config"]["properties"]["spool"]["default"] is None
    assert "default" not in definitions["BatchConfig"]["properties"]["max_spans"]  # depends on the kind
    assert json.loads(json.dumps(schema())) == schema()


def test_the_schema_says_what_each_key_means_and_how_it_is_written() -> None:
    definitions = schema()["$defs"]
    assert definitions["AdminConfig"]["properties"]["listen"]["description"].startswith("Metrics, health, status")
    linger = definitions["BatchConfig"]["properties"]["linger"]["description"]
    assert linger.endswith("waits for company. (seconds, or text such as 100ms, 2s, 5m or 1h)")
    said = json.dumps(definitions["DestinationConfig"]["properties"]["kind"])
    assert "are translated into it" in said and "translate.md" not in said


TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}


def faults(value: Any, rule: dict[str, Any], root: dict[str, Any] | None = None) -> Any:
    """What breaks the rule: the part of JSON Schema that ours uses."""
    root = root or rule
    if "$ref" in rule:
        yield from faults(value, root["$defs"][rule["$ref"].rpartition("/")[2]], root)
    elif "anyOf" in rule:
        if all(list(faults(value, option, root)) for option in rule["anyOf"]):
            yield f"{value!r} fits none"
    elif "enum" in rule:
        if value not in rule["enum"]:
            yield f"{value!r} is not offered"
    else:
        yield from plain_faults(value, rule, root)


def plain_faults(value: Any, rule: dict[str, Any], root: dict[str, Any]) -> Any:
    names = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    allowed = tuple(kind for name in names for kind in ((int, float) if name == "number" else (TYPES[name],)))
    if not isinstance(value, allowed):
        yield f"{value!r} is no {names}"
    elif isinstance(value, dict):
        yield from (f"{key} is missing" for key in rule.get("required", ()) if key not in value)
        for key, part in value.items():
            below = rule.get("properties", {}).get(key, rule.get("additionalProperties", True))
            if below is False:
                yield f"{key} is unknown"
            elif below is not True:
                yield from faults(part, below, root)
    elif isinstance(value, list):
        for part in value:
            yield from faults(part, rule["items"], root)
    elif isinstance(value, str) and not re.search(rule.get("pattern", ""), value):
        yield f"{value!r} does not match"
    elif isinstance(value, int) and value < rule.get("minimum", value):
        yield f"{value!r} is too small"
