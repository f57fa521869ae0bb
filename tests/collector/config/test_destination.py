from pathlib import Path
from typing import Any

import msgspec
import pytest

from inspan_collector.config.destination import (
    BatchConfig,
    DestinationConfig,
    QueueConfig,
    RetryConfig,
    RotateConfig,
    TlsConfig,
    UpsertConfig,
)
from inspan_collector.config.model import orphan_after
from inspan_collector.config.unfit import Unfit
from inspan_collector.config.values import Seconds, Secret, Size

OTLP: dict[str, Any] = {"name": "a", "kind": "otlp", "url": "http://upstream.example/v1/traces"}
SGP: dict[str, Any] = {"name": "a", "kind": "sgp", "url": "https://api.example"}
FILE: dict[str, Any] = {"name": "a", "kind": "file", "path": Path("/tmp/spans")}


def refused(key: str, **keys: Any) -> str:
    with pytest.raises(Unfit) as error:
        DestinationConfig(**keys)
    assert error.value.key == key
    return error.value.why


def test_each_kind_stands_with_its_address_alone() -> None:
    for keys in (OTLP, SGP, FILE):
        assert DestinationConfig(**keys).kind == keys["kind"]


@pytest.mark.parametrize("kind", ["otlp", "sgp"])
def test_an_upstream_needs_a_url(kind: str) -> None:
    assert "is missing" in refused("url", name="a", kind=kind)


def test_a_file_needs_a_directory() -> None:
    assert "is missing" in refused("path", name="a", kind="file")


@pytest.mark.parametrize(
    "url",
    ["", "localhost:4317", "grpc://x:4317", "http://", "http://x:99999/", "http://x:0/", "http://x/a b", "file:///x"],
)
def test_a_url_that_cannot_be_posted_to_is_refused(url: str) -> None:
    assert "http and https are spoken" in refused("url", **OTLP | {"url": url})


def test_a_password_in_a_url_is_refused_and_not_shown() -> None:
    why = refused("url", **OTLP | {"url": "https://me:hunter2@x.example/v1/traces"})
    assert "headers.authorization" in why and "hunter2" not in why


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hunter2#x@x.example/",
        "https://me:hunter2/x@x.example/",
        "https://x.example/v1#hunter2",
        "https://x.example/hunter2@y",
        "https://x.example\\\\hunter2",
        "https://@x.example/hunter2",
    ],
)
def test_a_url_that_others_may_read_in_another_way_is_refused_and_not_shown(url: str) -> None:
    assert "hunter2" not in refused("url", **OTLP | {"url": url})


def test_a_variable_in_a_url_is_refused_rather_than_posted_to() -> None:
    assert "INSPAN_DESTINATIONS__<NAME>__URL" in refused("url", **OTLP | {"url": "https://${HOST}/v1/traces"})


def test_the_base_url_of_sgp_has_no_query() -> None:
    assert "base address" in refused("url", **SGP | {"url": "https://api.example?x=1"})


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        (OTLP, {"path": Path("/x")}),
        (OTLP, {"rotate": RotateConfig(keep=9)}),
        (OTLP, {"account_id": "A"}),
        (SGP, {"path": Path("/x")}),
        (FILE, {"url": "http://x/"}),
        (FILE, {"headers": {"a": Secret("b")}}),
        (FILE, {"compression": "gzip"}),
        (FILE, {"tls": TlsConfig(insecure_skip_verify=True)}),
    ],
)
def test_a_key_of_another_kind_is_refused_with_the_kinds_it_is_for(keys: dict[str, Any], wrong: dict[str, Any]) -> None:
    assert "is for kind" in refused(next(iter(wrong)), **keys | wrong)


def test_a_file_has_one_writer() -> None:
    assert DestinationConfig(**FILE, concurrency=4).concurrency == 1


def test_header_names_are_lower_case() -> None:
    destination = DestinationConfig(**OTLP, headers={"X-Api-Key": Secret("b")})
    assert destination.headers == {"x-api-key": Secret("b")}


def test_a_header_in_two_spellings_is_refused() -> None:
    refused("headers.x-a", **OTLP, headers={"X-A": Secret("1"), "x-a": Secret("2")})


@pytest.mark.parametrize("name", ["Content-Type", "content-encoding", "Host", "Transfer-Encoding"])
def test_a_header_that_describes_the_body_is_refused(name: str) -> None:
    assert "is set by inspan" in refused(f"headers.{name.lower()}", **OTLP, headers={name: Secret("x")})


def test_a_header_name_that_is_none_is_refused_and_not_shown() -> None:
    assert "hunter2" not in refused("headers", **OTLP, headers={"key: hunter2": Secret("x")})


def test_the_account_of_sgp_is_sent_as_a_header() -> None:
    assert DestinationConfig(**SGP, account_id="A").headers["x-selected-account-id"].reveal() == "A"


def test_an_account_written_as_a_header_is_known_for_the_tenancy_check() -> None:
    assert DestinationConfig(**SGP, headers={"X-Selected-Account-Id": Secret("A")}).account_id == "A"


def test_two_accounts_are_refused() -> None:
    refused("headers.x-selected-account-id", **SGP, account_id="A", headers={"x-selected-account-id": Secret("B")})


def test_an_account_in_a_file_is_refused() -> None:
    header = {"x-selected-account-id": Secret(path=Path("/run/account"))}
    assert "account_id" in refused("headers.x-selected-account-id", **SGP, headers=header)


def test_a_batch_may_not_hold_more_spans_than_the_queue() -> None:
    why = refused("batch.max_spans", **OTLP, queue=QueueConfig(max_spans=10), batch=BatchConfig(max_spans=11))
    assert "11 is more than queue.max_spans (10)" in why


def test_the_queue_holds_two_batches() -> None:
    why = refused("queue.max_bytes", **OTLP, queue=QueueConfig(max_bytes=Size("7MiB")))
    assert "7MiB" in why and "4MiB" in why


def test_an_sgp_batch_is_at_most_1000_spans() -> None:
    assert DestinationConfig(**SGP).batch.max_spans == 1000
    assert "1000" in refused("batch.max_spans", **SGP, batch=BatchConfig(max_spans=1001))


def test_the_first_backoff_is_not_longer_than_the_longest() -> None:
    with pytest.raises(Unfit, match=r"initial: 1m is more than max \(30s\)"):
        RetryConfig(initial=Seconds("1m"))


def test_a_client_certificate_needs_its_key_and_a_key_its_certificate() -> None:
    with pytest.raises(Unfit, match="key_file: is missing"):
        TlsConfig(cert_file=Path("/c"))
    with pytest.raises(Unfit, match="cert_file: is missing"):
        TlsConfig(key_file=Path("/k"))


@pytest.mark.parametrize("key", ["timeout", "max_connection_age", "keepalive"])
def test_a_time_that_bounds_something_is_not_zero(key: str) -> None:
    refused(key, **OTLP | {key: Seconds(0)})


def test_off_is_null_where_there_is_an_off() -> None:
    assert DestinationConfig(**OTLP, max_connection_age=None).max_connection_age is None
    assert QueueConfig().max_age is None and RetryConfig().max_attempts is None


def test_its_repr_shows_no_header_and_no_query() -> None:
    destination = DestinationConfig(**OTLP | {"url": "http://x/v1?key=hunter2"}, headers={"a": Secret("hunter2")})
    assert repr(destination) == "<DestinationConfig a otlp http://x/v1?***>"


def test_it_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        DestinationConfig(**OTLP).name = "b"  # type: ignore[misc]


def test_a_changed_copy_is_checked_again() -> None:
    with pytest.raises(Unfit):
        msgspec.structs.replace(DestinationConfig(**OTLP), queue=QueueConfig(max_spans=1))


def upsert(seconds: float) -> UpsertConfig:
    return UpsertConfig(orphan_after=Seconds(seconds))


@pytest.mark.parametrize("seconds", [0, 1, 10])
def test_agents_must_be_able_to_beat_before_they_are_lost(seconds: float) -> None:
    with pytest.raises(Unfit, match="10s from one beat") as error:
        upsert(seconds)
    assert error.value.key == "orphan_after" and "raise it" in error.value.why


def test_the_shortest_silence_that_somebody_chose_counts() -> None:
    otlp, long, short = (
        DestinationConfig(**keys) for keys in (OTLP, SGP | {"upsert": upsert(300)}, SGP | {"upsert": upsert(90)})
    )
    assert orphan_after([otlp, long, short]) == 90
    assert orphan_after([otlp, long]) == 300  # otlp has no such key, so its default is nobody's choice
    assert orphan_after([otlp]) == 60
