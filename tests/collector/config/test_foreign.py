from pathlib import Path

import pytest

from inspan_collector.config.destination import DestinationConfig
from inspan_collector.config.load import load, resolve
from inspan_collector.errors import ConfigError

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
BASE = {ENDPOINT: "http://upstream.example:4318"}


def only(environ: dict[str, str]) -> DestinationConfig:
    (destination,) = load(None, "", environ).destinations
    return destination


def refused(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as error:
        load(None, "", environ)
    return str(error.value)


@pytest.mark.parametrize("base", ["http://x:4318", "http://x:4318/"])
def test_opentelemetrys_endpoint_alone_makes_an_otlp_destination(base: str) -> None:
    destination = only({ENDPOINT: base})
    assert (destination.name, destination.kind, destination.url) == ("otlp", "otlp", "http://x:4318/v1/traces")
    assert (destination.compression, destination.batch.max_spans) == ("gzip", 2000)


def test_the_endpoint_for_traces_is_used_as_it_is_and_wins() -> None:
    assert only({TRACES_ENDPOINT: "http://y/custom", **BASE}).url == "http://y/custom"


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert only({TRACES_ENDPOINT: "", **BASE}).url == "http://upstream.example:4318/v1/traces"
    assert only({ENDPOINT: " "}).kind == "file"


def test_headers_are_pairs_with_percent_encoding() -> None:
    headers = only({**BASE, "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20a%3Db, x-b = 1=2 ,"}).headers
    assert {name: secret.reveal() for name, secret in headers.items()} == {"authorization": "Bearer a=b", "x-b": "1=2"}


def test_headers_for_traces_replace_the_general_ones() -> None:
    environ = {**BASE, "OTEL_EXPORTER_OTLP_HEADERS": "a=1", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "b=2"}
    assert list(only(environ).headers) == ["b"]


def test_a_header_that_is_no_pair_is_refused_and_not_shown() -> None:
    message = refused({**BASE, "OTEL_EXPORTER_OTLP_HEADERS": "a=1,hunter2"})
    assert message == "OTEL_EXPORTER_OTLP_HEADERS: entry 2 is not name=value"


def test_values_of_others_are_taken_literally() -> None:
    headers = only({**BASE, "OTEL_EXPORTER_OTLP_HEADERS": "a=${X},b=file:/etc/passwd"}).headers
    assert [secret.reveal() for secret in headers.values()] == ["${X}", "file:/etc/passwd"]


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_compression_is_taken_over(compression: str) -> None:
    assert only({**BASE, "OTEL_EXPORTER_OTLP_COMPRESSION": compression}).compression == compression


def test_a_compression_that_is_not_opentelemetrys_is_refused() -> None:
    assert refused({**BASE, "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "deflate"}) == (
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: expected gzip or none, got 'deflate'"
    )


def test_the_timeout_is_in_seconds_and_a_long_one_is_remarked() -> None:
    assert only({**BASE, "OTEL_EXPORTER_OTLP_TIMEOUT": "2.5"}).timeout == 2.5
    _, notes = resolve(None, "", {**BASE, "OTEL_EXPORTER_OTLP_TIMEOUT": "10000"})
    assert "OTEL_EXPORTER_OTLP_TIMEOUT is read in seconds, as OpenTelemetry Python does" in notes


@pytest.mark.parametrize("timeout", ["soon", "nan", "-1", "0"])
def test_a_timeout_that_is_none_is_refused(timeout: str) -> None:
    assert refused({**BASE, "OTEL_EXPORTER_OTLP_TIMEOUT": timeout}).startswith("OTEL_EXPORTER_OTLP_TIMEOUT: ")


def test_certificates_are_taken_over() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca",
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": "/cert",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/key",
    }
    tls = only({**BASE, **environ}).tls
    assert (tls.ca_file, tls.cert_file, tls.key_file) == (Path("/ca"), Path("/cert"), Path("/key"))


def test_a_certificate_without_its_key_names_the_variable() -> None:
    assert "tls.key_file: is missing" in refused({**BASE, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/cert"})


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"])
def test_grpc_is_refused_with_what_is_spoken(variable: str) -> None:
    message = refused({**BASE, variable: "grpc"})
    assert message.startswith(f"{variable}: grpc is not spoken; set http/protobuf")
    assert only({**BASE, variable: "http/protobuf"}).kind == "otlp"


def test_a_token_alone_is_not_taken_for_a_headers_name() -> None:
    """It would be shown as one, and sent as one: base64 ends as a name without a value does."""
    message = refused({**BASE, "OTEL_EXPORTER_OTLP_HEADERS": "aHVudGVyMg="})
    assert message == "OTEL_EXPORTER_OTLP_HEADERS: entry 1 is not name=value"


def test_an_endpoint_that_is_no_address_names_the_variable() -> None:
    assert refused({ENDPOINT: "localhost:4317"}).startswith(f"{ENDPOINT}: destinations[0].url: expected an address")


def test_an_endpoint_that_is_our_own_listener_is_refused() -> None:
    message = refused({ENDPOINT: "http://localhost:4318", "INSPAN_LISTEN": "127.0.0.1:4318"})
    assert message.startswith(f"{ENDPOINT}: destinations[0].url: is our own listener (127.0.0.1:4318)")


def test_sgps_key_alone_makes_an_sgp_destination() -> None:
    destination = only({"SGP_API_KEY": "K"})
    assert (destination.name, destination.kind, destination.url) == ("sgp", "sgp", "https://api.egp.scale.com")
    assert {name: secret.reveal() for name, secret in destination.headers.items()} == {"x-api-key": "K"}
    assert (destination.compression, destination.batch.max_spans) == ("none", 1000)


def test_sgps_account_and_address_are_taken_over() -> None:
    destination = only(
        {"SGP_API_KEY": "K", "SGP_ACCOUNT_ID": "A", "SGP_CLIENT_BASE_URL": "http://127.0.0.1:5003/public"}
    )
    assert (destination.account_id, destination.url) == ("A", "http://127.0.0.1:5003/public")
    assert destination.headers["x-selected-account-id"].reveal() == "A"


def test_sgps_account_without_a_key_makes_nothing() -> None:
    assert only({"SGP_ACCOUNT_ID": "A"}).kind == "file"


def test_a_key_that_cannot_be_sent_is_refused_and_not_shown() -> None:
    message = refused({"SGP_API_KEY": "hunter2\nhunter3"})
    assert message.startswith("SGP_API_KEY: ") and "hunter" not in message


def test_both_may_be_there_and_the_notes_say_where_from() -> None:
    config, notes = resolve(None, "", {**BASE, "SGP_API_KEY": "K"})
    assert [destination.name for destination in config.destinations] == ["otlp", "sgp"]
    assert f"destination otlp is taken from {ENDPOINT}" in notes
    assert "destination sgp is taken from SGP_API_KEY" in notes


def test_our_own_variables_reach_a_destination_that_others_made() -> None:
    assert only({**BASE, "INSPAN_DESTINATIONS__OTLP__CONCURRENCY": "3"}).concurrency == 3


def test_they_are_not_looked_at_where_the_file_or_our_variables_name_a_destination() -> None:
    text = "destinations: [{name: mine, kind: file, path: /tmp/spans}]"
    assert [d.name for d in load(text, "x", {**BASE, "SGP_API_KEY": "K"}).destinations] == ["mine"]
    environ = {"INSPAN_DESTINATIONS__MINE__KIND": "file", "INSPAN_DESTINATIONS__MINE__PATH": "/tmp/spans"}
    assert only({**BASE, **environ}).name == "mine"
