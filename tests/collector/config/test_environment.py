from pathlib import Path

import pytest

from inspan_collector.config.load import load
from inspan_collector.errors import ConfigError

FILE = """
destinations:
  - {name: traces, kind: otlp, url: "http://upstream.example/v1/traces"}
  - {name: a-b, kind: file, path: /tmp/spans}
"""


def refused(environ: dict[str, str], text: str | None = FILE) -> str:
    with pytest.raises(ConfigError) as error:
        load(text, "inspan.yaml", environ)
    return str(error.value)


def test_a_key_is_set_by_section_and_name_and_wins_over_the_file() -> None:
    config = load(FILE + "limits: {max_span_bytes: 1MiB}", "x", {"INSPAN_LIMITS__MAX_SPAN_BYTES": "2MiB"})
    assert config.limits.max_span_bytes == 2 * 1024**2


def test_the_variable_may_be_in_small_letters() -> None:
    assert load(FILE, "x", {"inspan_limits__Max_Connections": "7"}).limits.max_connections == 7


def test_socket_and_listen_have_short_names() -> None:
    config = load(FILE + "socket: {path: /a}", "x", {"INSPAN_SOCKET": "/tmp/b.sock", "INSPAN_LISTEN": "127.0.0.1:4318"})
    assert (config.socket.path, config.listen) == (Path("/tmp/b.sock"), "127.0.0.1:4318")


def test_an_empty_short_name_is_as_good_as_none() -> None:
    config = load(FILE + "socket: {path: /a}", "x", {"INSPAN_SOCKET": "", "INSPAN_LISTEN": ""})
    assert (config.socket.path, config.listen) == (Path("/a"), None)


def test_null_turns_off_what_has_an_off() -> None:
    config = load(FILE, "x", {"INSPAN_ADMIN__LISTEN": "null", "INSPAN_DESTINATIONS__TRACES__MAX_CONNECTION_AGE": ""})
    assert config.admin.listen is None and config.destinations[0].max_connection_age is None


def test_text_stays_text_although_it_looks_like_a_number() -> None:
    assert load(FILE, "x", {"INSPAN_SOCKET__MODE": "0600"}).socket.mode == "0600"


def test_a_list_is_written_in_brackets() -> None:
    assert load(FILE, "x", {"INSPAN_SOCKET__ALLOW_UIDS": "[1000, 1001]"}).socket.allow_uids == (1000, 1001)


def test_a_group_is_a_name_or_a_number() -> None:
    assert load(FILE, "x", {"INSPAN_SOCKET__GROUP": "users"}).socket.group == "users"
    assert load(FILE, "x", {"INSPAN_SOCKET__GROUP": "1000"}).socket.group == 1000


def test_a_destination_is_addressed_by_its_name() -> None:
    environ = {
        "INSPAN_DESTINATIONS__TRACES__QUEUE__MAX_SPANS": "5000",
        "INSPAN_DESTINATIONS__A_B__ROTATE__MAX_BYTES": "1MiB",
    }
    traces, file = load(FILE, "x", environ).destinations
    assert (traces.queue.max_spans, file.rotate.max_bytes) == (5000, 1024**2)


def test_a_header_is_set_with_dashes_for_underscores() -> None:
    config = load(FILE, "x", {"INSPAN_DESTINATIONS__TRACES__HEADERS__X_API_KEY": "${KEY}", "KEY": "abc"})
    assert config.destinations[0].headers["x-api-key"].reveal() == "abc"


def test_a_kind_and_a_new_name_make_a_destination() -> None:
    environ = {"INSPAN_DESTINATIONS__NEW__KIND": "otlp", "INSPAN_DESTINATIONS__NEW__URL": "http://x/v1/traces"}
    assert [destination.name for destination in load(None, "", environ).destinations] == ["new"]
    assert [destination.name for destination in load(FILE, "", environ).destinations] == ["traces", "a-b", "new"]


def test_a_new_name_without_a_kind_is_an_error_that_says_how_to_make_one() -> None:
    assert refused({"INSPAN_DESTINATIONS__TRACE__QUEUE__MAX_SPANS": "5"}) == (
        "INSPAN_DESTINATIONS__TRACE__QUEUE__MAX_SPANS: no destination is called TRACE; "
        "set INSPAN_DESTINATIONS__TRACE__KIND to make one, or did you mean TRACES?"
    )


def test_two_destinations_that_variables_cannot_tell_apart_are_an_error() -> None:
    text = FILE + "  - {name: a_b, kind: file, path: /tmp/other}"
    assert load(text, "x", {})
    assert "2 destinations are called A_B" in refused({"INSPAN_DESTINATIONS__A_B__PATH": "/x"}, text)


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("INSPAN_LIMTS__MAX_SPAN_BYTES", "INSPAN_LIMITS__MAX_SPAN_BYTES"),
        ("INSPAN_LIMITS__MAX_SPANS_BYTES", "INSPAN_LIMITS__MAX_SPAN_BYTES"),
        ("INSPAN_LISTEN__X", "INSPAN_LISTEN"),
        ("INSPAN_SPOOL__MAX_BYTE", "INSPAN_SPOOL__MAX_BYTES"),
        ("INSPAN_DESTINATIONS__TRACES__BATCH__LINGERS", "INSPAN_DESTINATIONS__TRACES__BATCH__LINGER"),
        ("INSPAN_DESTINATIONS__TRACES__HEADERS", "INSPAN_DESTINATIONS__TRACES__HEADERS__<NAME>"),
    ],
)
def test_a_variable_that_leads_nowhere_is_an_error_with_the_nearest(variable: str, nearest: str) -> None:
    assert refused({variable: "1"}) == f"{variable}: leads to no key; did you mean {nearest}?"


def test_the_service_links_of_kubernetes_are_ignored() -> None:
    links = {
        "INSPAN_SERVICE_HOST": "10.0.0.1",
        "INSPAN_SERVICE_PORT": "4318",
        "INSPAN_SERVICE_PORT_OTLP_HTTP": "4318",
        "INSPAN_PORT": "tcp://10.0.0.1:4318",
        "INSPAN_PORT_4318_TCP": "tcp://10.0.0.1:4318",
        "INSPAN_PORT_4318_TCP_ADDR": "10.0.0.1",
        "INSPAN_SOCKET_SERVICE_HOST": "10.0.0.2",
        "INSPAN_DESTINATIONS": "x",
    }
    assert load(FILE, "x", links) == load(FILE, "x", {})


def test_a_wrong_value_names_the_variable_and_the_key() -> None:
    assert refused({"INSPAN_LIMITS__MAX_SPAN_BYTES": "much"}) == (
        "INSPAN_LIMITS__MAX_SPAN_BYTES: limits.max_span_bytes: expected a size such as 64MiB or 4MB, got 'much'"
    )
    variable = "INSPAN_DESTINATIONS__TRACES__CONCURRENCY"
    assert refused({variable: "many"}) == f"{variable}: destinations[0].concurrency: expected int, got str"
    assert refused({variable: "[1"}).startswith(f"{variable}: destinations[0].concurrency: expected a number")


def test_a_relation_that_a_variable_breaks_names_the_variable() -> None:
    variable = "INSPAN_DESTINATIONS__TRACES__BATCH__MAX_SPANS"
    assert refused({variable: "200000"}).startswith(f"{variable}: destinations[0].batch.max_spans: 200000 is more than")


@pytest.mark.parametrize("text", [FILE, FILE + "spool: null", FILE + "spool:", None])
def test_a_variable_of_a_section_that_may_be_absent_makes_it(text: str | None) -> None:
    environ = {"INSPAN_SPOOL__MODE": "always", "INSPAN_SPOOL__THRESHOLD": "80%", "INSPAN_SPOOL__MAX_AGE": "null"}
    spool = load(text, "x", environ).spool
    assert spool is not None
    assert (spool.path, spool.mode, spool.threshold) == (Path("/var/lib/inspan/spool.db"), "always", 0.8)
    assert spool.max_age is None


def test_a_wrong_value_of_such_a_section_names_the_variable_too() -> None:
    assert refused({"INSPAN_SPOOL__PATH": "spool.db"}).startswith(
        "INSPAN_SPOOL__PATH: spool.path: spool.db is not absolute"
    )
    assert refused({"INSPAN_SPOOL__THRESHOLD": "80"}).endswith("at most 100%, got '80'")


def test_a_variable_below_something_that_has_no_keys_is_an_error() -> None:
    text = "destinations: [{name: traces, kind: otlp, url: 'http://x/', queue: 5}]"
    message = refused({"INSPAN_DESTINATIONS__TRACES__QUEUE__MAX_SPANS": "5"}, text)
    assert message.endswith("destinations[0].queue: expected keys below it, got int")


def test_what_an_alias_shares_in_the_file_is_not_shared_by_a_variable() -> None:
    text = """
destinations:
  - {name: a, kind: otlp, url: "http://x/", queue: &queue {max_spans: 9000}}
  - {name: b, kind: otlp, url: "http://y/", queue: *queue}
"""
    a, b = load(text, "x", {"INSPAN_DESTINATIONS__A__QUEUE__MAX_SPANS": "5000"}).destinations
    assert (a.queue.max_spans, b.queue.max_spans) == (5000, 9000)
