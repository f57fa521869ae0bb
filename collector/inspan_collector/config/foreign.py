"""Destinations from the environment variables of others: OpenTelemetry's and SGP's. Values are literal."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from inspan.wire import TRACES
from inspan_collector.config.secret import Secret
from inspan_collector.config.tree import Tree
from inspan_collector.errors import ConfigError

OTEL: Final = "OTEL_EXPORTER_OTLP_"  # OpenTelemetry specification, "OpenTelemetry Protocol Exporter"
SIGNAL: Final = "TRACES_"
PROTOCOL: Final = "http/protobuf"
COMPRESSIONS: Final = ("gzip", "none")
TLS: Final = {"ca_file": "CERTIFICATE", "cert_file": "CLIENT_CERTIFICATE", "key_file": "CLIENT_KEY"}
SGP_URL: Final = "https://api.egp.scale.com"  # where scale_gp_beta posts when SGP_CLIENT_BASE_URL is not set


class Found(NamedTuple):
    """A destination as the tree has it, and the variable behind each of its keys; "" is the destination itself."""

    destination: Tree
    variables: dict[str, str]


def find(environ: Mapping[str, str]) -> list[Found]:
    """The destinations that OTEL_EXPORTER_OTLP_* and SGP_* describe.

    Errors: ConfigError, which names a variable that cannot be followed.
    """
    return [found for found in (_otlp(environ), _sgp(environ)) if found is not None]


def _otlp(environ: Mapping[str, str]) -> Found | None:
    variable, endpoint = _otel(environ, "ENDPOINT")
    if not endpoint:
        return None
    _need_protocol(environ)
    # The signal's own endpoint is used as it is; the general one is a base for every signal.
    url = endpoint if variable.startswith(OTEL + SIGNAL) else endpoint.rstrip("/") + TRACES
    found = Found({"name": "otlp", "kind": "otlp", "url": url}, {"": variable, "url": variable})
    _add_headers(environ, found)
    _add_compression(environ, found)
    _add_timeout(environ, found)
    for key, name in TLS.items():
        variable, path = _otel(environ, name)
        if path:
            found.destination.setdefault("tls", {})[key] = path
            found.variables[f"tls.{key}"] = variable
    return found


def _otel(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The variable and its value, the signal's own first. An empty value is as good as none, says the specification."""
    for variable in (OTEL + SIGNAL + name, OTEL + name):
        value = environ.get(variable, "").strip()
        if value:
            return variable, value
    return OTEL + name, ""


def _need_protocol(environ: Mapping[str, str]) -> None:
    variable, protocol = _otel(environ, "PROTOCOL")
    if protocol not in ("", PROTOCOL):
        raise ConfigError(
            f"{variable}: {protocol} is not spoken; set {PROTOCOL}, and the endpoint's HTTP port (4318, not 4317)"
        )


def _add_headers(environ: Mapping[str, str], found: Found) -> None:
    variable, text = _otel(environ, "HEADERS")
    headers: dict[str, Secret] = {}
    for place, pair in enumerate(filter(str.strip, text.split(",")), start=1):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise ConfigError(f"{variable}: entry {place} is not name=value")  # not shown: it may be a secret by itself
        headers[unquote(name.strip()).lower()] = _literal(variable, unquote(value.strip()))
    if headers:
        found.destination["headers"] = headers
        found.variables["headers"] = variable


def _add_compression(environ: Mapping[str, str], found: Found) -> None:
    variable, compression = _otel(environ, "COMPRESSION")
    if compression:
        if compression not in COMPRESSIONS:
            raise ConfigError(f"{variable}: expected {' or '.join(COMPRESSIONS)}, got {compression!r}")
        found.destination["compression"] = compression
        found.variables["compression"] = variable


def _add_timeout(environ: Mapping[str, str], found: Found) -> None:
    """Seconds, as OpenTelemetry Python reads them; the specification's milliseconds would be hours here."""
    variable, timeout = _otel(environ, "TIMEOUT")
    if timeout:
        try:
            found.destination["timeout"] = float(timeout)
        except ValueError:
            raise ConfigError(f"{variable}: expected a number of seconds, got {timeout!r}") from None
        found.variables["timeout"] = variable


def _sgp(environ: Mapping[str, str]) -> Found | None:
    key = environ.get("SGP_API_KEY", "").strip()
    if not key:
        return None
    destination: Tree = {"name": "sgp", "kind": "sgp", "headers": {"x-api-key": _literal("SGP_API_KEY", key)}}
    variables = {"": "SGP_API_KEY"}
    account = environ.get("SGP_ACCOUNT_ID", "").strip()
    if account:
        destination["account_id"] = account  # becomes the header x-selected-account-id
        variables["account_id"] = "SGP_ACCOUNT_ID"
    url = environ.get("SGP_CLIENT_BASE_URL", "").strip()
    destination["url"] = url or SGP_URL
    if url:
        variables["url"] = "SGP_CLIENT_BASE_URL"
    return Found(destination, variables)


def _literal(variable: str, text: str) -> Secret:
    try:
        return Secret(text)
    except ValueError as error:
        raise ConfigError(f"{variable}: {error}") from None
