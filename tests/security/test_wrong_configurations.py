"""A secret in every place where somebody may put it by mistake: no error repeats it, and no object shows it."""

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest
from tests.security.canary import found, secret

from inspan_collector.config.load import load
from inspan_collector.config.model import Config
from inspan_collector.config.render import render
from inspan_collector.errors import ConfigError
from inspan_collector.service import make_exporter

WORD: Final = secret("mistake")
ONE: Final = "destinations: [{name: up, kind: otlp, url: 'https://h/'"

# What is wrong, behind a destination that is right.
BEHIND: Final = (
    "headers: '%s'",
    "headers: ['%s']",
    "headers: [authorization, '%s']",
    "headers: {authorization: {x: '%s'}}",
    "headers: {authorization: ['%s']}",
    "headers: {'Bearer %s': x}",
    "headers: {'%s'}",
    "headers: {authorization: x, '%s'}",
    "headers: {A: '%s', a: '%s'}",
    'headers: {a: "%s\\n"}',
    'headers: {a: "\\u0001%s"}',
    "headers: {a: '${%s'}",
    "headers: {a: 'file:%s'}",
    "headers: {host: '%s'}",
    "headers: {authorization: Bearer: %s}",
    'headers: {authorization: "%s}',
    "headers: {authorization: @%s}",
    "headers: {authorization: *%s}",
    "headers: {authorization: !%s x}",
    "headers: {authorization: %%%s}",
    "headers: {authorization: |%s}",
    "x-api-key: '%s'",
    "api_key: '%s'",
    "tls: {key_file: '-----BEGIN %s', cert_file: /c}",
    "tls: {key_file: ['%s']}",
    "tls: '%s'",
)
# What is wrong with the whole file, or with a destination's address.
WHOLE: Final = (
    *("%s", "- %s", "%s: [", "'%s", "a: '%s", "a: b: %s", "--- %s\n--- %s", "*%s", "!%s"),
    *("destinations: %s", "destinations: ['%s']"),
    "destinations: [{name: up, kind: otlp, url: 'https://u:%s@h/'}]",
    "destinations: [{name: up, kind: otlp, url: 'https://h:%s/'}]",
    "destinations: [{name: up, kind: otlp, url: 'https://h/ %s'}]",
    "destinations: [{name: up, kind: otlp, url: 'https://h/${%s}'}]",
    "destinations: [{name: up, kind: otlp, url: 'h/?k=%s'}]",
    "destinations: [{name: up, kind: otlp, url: 'https://[%s/'}]",
    "destinations: [{name: up, kind: otlp, url: ['%s']}]",
    "destinations: [{name: up, kind: sgp, url: 'https://h/?k=%s'}]",
    "destinations: [{name: up, kind: otlp, url: 'https://h/?k=%s', headers: 5}]",
    "destinations: [{name: up, kind: file, path: /p, headers: {a: '%s'}}]",
    "listen: 127.0.0.1:1\ndestinations: [{name: up, kind: otlp, url: 'http://127.0.0.1:1/?%s'}]",
)
UP: Final = {
    "INSPAN_DESTINATIONS__UP__KIND": "otlp",
    "INSPAN_DESTINATIONS__UP__URL": "https://h/",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://h/",
}
OTEL: Final = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://h/"}
VARIABLES: Final[tuple[tuple[dict[str, str], str, str], ...]] = (
    (UP, "INSPAN_DESTINATIONS__UP__URL", "https://u:%s@h/"),
    (UP, "INSPAN_DESTINATIONS__UP__HEADERS", "%s"),
    (UP, "INSPAN_DESTINATIONS__UP__HEADERS", "{authorization: %s}"),
    (UP, "INSPAN_DESTINATIONS__UP__HEADERS__", "%s"),
    (UP, "INSPAN_DESTINATIONS__UP__HEADERS__A", "%s\nx"),
    (UP, "INSPAN_DESTINATIONS__UP__HEADERS__A", "${%s"),
    (UP, "INSPAN_DESTINATIONS__UP__API_KEY", "%s"),
    (UP, "INSPAN_DESTINATIONS__UP__TLS__KEY_FILE", "-----BEGIN %s"),
    (UP, "INSPAN_API__KEY", "%s"),
    (OTEL, "OTEL_EXPORTER_OTLP_ENDPOINT", "https://u:%s@h/"),
    (OTEL, "OTEL_EXPORTER_OTLP_HEADERS", "%s"),
    (OTEL, "OTEL_EXPORTER_OTLP_HEADERS", "%s="),
    (OTEL, "OTEL_EXPORTER_OTLP_HEADERS", "a=1,%s"),
    (OTEL, "OTEL_EXPORTER_OTLP_HEADERS", "a=%s%%0a"),
    (OTEL, "OTEL_EXPORTER_OTLP_HEADERS", "Bearer %s=x"),
    (OTEL, "OTEL_EXPORTER_OTLP_CLIENT_KEY", "-----BEGIN %s"),
    ({}, "SGP_API_KEY", "%s\nx"),
    ({"SGP_API_KEY": WORD}, "SGP_CLIENT_BASE_URL", "nonsense/%s"),
    ({"SGP_API_KEY": WORD}, "SGP_CLIENT_BASE_URL", "https://u:%s@h/"),
)


def filled(template: str) -> str:
    return template.replace("%%", "\0").replace("%s", WORD).replace("\0", "%")


def mistakes() -> Iterator[Any]:
    """Each with its text and its environment."""
    for template in BEHIND:
        yield pytest.param(f"{ONE}, {filled(template)}}}]", {}, id=template)
    for template in WHOLE:
        yield pytest.param(filled(template), {}, id=template)
    for environ, name, template in VARIABLES:
        yield pytest.param("", environ | {name: filled(template)}, id=f"{name}={template}")


@pytest.mark.parametrize(("text", "environ"), list(mistakes()))
def test_no_error_repeats_a_secret_that_stands_in_a_wrong_place(text: str, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as error:
        load(text, "inspan.yaml", {"INSPAN_SOCKET": "/s"} | environ)
    chain: BaseException | None = error.value
    while chain is not None:
        assert found(WORD, f"{chain!r} {chain}".encode()) == []
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)


def right() -> Config:
    headers = {"authorization": f"Bearer {WORD}", "x-variable": "${HELD}"}
    destinations: list[dict[str, Any]] = [
        {"name": "up", "kind": "otlp", "url": f"http://h/v1/traces?key={WORD}", "headers": headers},
        {"name": "sgp", "kind": "sgp", "url": "http://h", "headers": {"x-api-key": WORD}},
    ]
    return load(json.dumps({"socket": {"path": "/s"}, "destinations": destinations}), "inspan.yaml", {"HELD": WORD})


def test_no_configuration_and_nothing_made_of_it_shows_a_secret_when_it_is_printed() -> None:
    config = right()
    exporters = [make_exporter(each) for each in config.destinations]
    for each in (config, *config.destinations, *exporters, *(each.headers for each in config.destinations)):
        assert found(WORD, f"{each!r} {each} {[each]}".encode()) == []
    assert found(WORD, render(config).encode()) == []


def test_a_secret_cannot_be_written_as_json_by_mistake() -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(right())


def test_the_canary_is_found_where_it_is() -> None:
    assert found(WORD, f"..{WORD}..".encode()) and found(WORD, WORD.upper().encode())
    assert found(WORD, json.dumps(json.dumps(WORD)).encode()) and not found(WORD, secret("other").encode())
