import traceback
from pathlib import Path

import pytest

from inspan_collector.config.load import load, read, resolve
from inspan_collector.config.values import Seconds, Size
from inspan_collector.errors import ConfigError

ONE = 'destinations:\n  - {name: traces, kind: otlp, url: "http://upstream.example/v1/traces"'


def refused(text: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as error:
        load(text, "inspan.yaml", environ or {})
    return str(error.value)


def test_an_empty_file_is_the_defaults() -> None:
    for text in (None, "", "# only a comment\n"):
        config = load(text, "inspan.yaml", {})
        assert (config.listen, config.admin.listen, config.memory.max_bytes.auto) == (None, "127.0.0.1:19464", True)
        assert (config.socket.mode, config.drain.deadline, config.limits.max_span_bytes) == (
            "0660",
            Seconds(20),
            Size("4MiB"),
        )


def test_the_defaults_of_an_otlp_destination_are_the_designs() -> None:
    (traces,) = load(ONE + "}", "inspan.yaml", {}).destinations
    assert (traces.compression, traces.concurrency, traces.timeout) == ("gzip", 8, Seconds(10))
    assert (traces.queue.max_spans, traces.queue.max_bytes, traces.queue.max_age) == (100_000, Size("64MiB"), None)
    assert (traces.batch.max_spans, traces.batch.max_bytes, traces.batch.linger) == (2000, Size("4MiB"), Seconds(0.1))
    assert (traces.retry.initial, traces.retry.max, traces.retry.max_attempts) == (Seconds(0.5), Seconds(30), None)


def test_the_defaults_of_a_kind_give_way_to_the_file() -> None:
    (traces,) = load(ONE + ", compression: none, batch: {max_spans: 5, linger: 0}}", "x", {}).destinations
    assert (traces.compression, traces.batch.max_spans, traces.batch.linger) == ("none", 5, Seconds(0))


def test_there_is_no_spool_until_one_is_asked_for_and_then_its_defaults_are_the_designs() -> None:
    assert load(None, "", {}).spool is None and load("spool: null", "x", {}).spool is None
    spool = load("spool: {}", "x", {}).spool
    assert spool is not None
    assert (spool.path, spool.mode, spool.lifetime) == (Path("/var/lib/inspan/spool.db"), "overflow", "pod")
    assert (spool.threshold, spool.spill_after, spool.recovery_share) == (0.5, Seconds(30), 0.25)
    assert (spool.max_bytes, spool.max_age, spool.ack_timeout) == (Size("1GiB"), None, Seconds(5))


def test_a_spool_that_is_not_to_wait_may_be_told_so() -> None:
    spool = load("spool: {spill_after: 0s}", "x", {}).spool
    assert spool is not None and spool.spill_after == 0


def test_the_socket_is_where_agents_look_for_it() -> None:
    config, notes = resolve(None, "", {"INSPAN_SOCKET": "/tmp/x/y.sock"})
    assert config.socket.path == Path("/tmp/x/y.sock") and not any("no socket" in note for note in notes)
    config, notes = resolve(None, "", {})
    assert f"no socket is configured: listening on {config.socket.path}" in notes


def test_without_a_destination_spans_go_to_files_beside_the_socket_and_the_notes_say_so() -> None:
    config, notes = resolve("socket: {path: /tmp/x/y.sock}\ndestinations: []", "inspan.yaml", {})
    (file,) = config.destinations
    assert (file.name, file.kind, file.path, file.concurrency) == ("file", "file", Path("/tmp/x/spans"), 1)
    assert notes == ("no destination is configured: spans are written to files in /tmp/x/spans",)


def test_a_full_configuration_has_nothing_to_remark() -> None:
    assert resolve(ONE + "}\nsocket: {path: /tmp/a}", "x", {}).notes == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limits: {max_spans_bytes: 1}", "limits.max_spans_bytes: unknown key; did you mean max_span_bytes?"),
        ("limit: {}", "limit: unknown key; did you mean limits?"),
        ("on: 1", "True: unknown key; known are socket, listen, admin, memory, limits, destinations, spool, drain"),
        (ONE + ", queue: {max_span: 1}}", "destinations[0].queue.max_span: unknown key; did you mean max_spans?"),
        ("spool: {max_byte: 1GiB}", "spool.max_byte: unknown key; did you mean max_bytes?"),
    ],
)
def test_a_key_that_does_not_exist_is_named_with_the_nearest(text: str, message: str) -> None:
    assert refused(text) == f"inspan.yaml: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ONE + ", queue: {max_spans: many}}", "destinations[0].queue.max_spans: expected int, got str"),
        (ONE + ", queue: {max_spans: 0}}", "destinations[0].queue.max_spans: expected int >= 1"),
        (ONE + ", queue: null}", "destinations[0].queue: expected object, got null"),
        (
            ONE + ", queue: {when_full: wait}}",
            "destinations[0].queue.when_full: expected refuse, drop_oldest, got 'wait'",
        ),
        (ONE + ", timeout: soon}", "destinations[0].timeout: expected a time such as 100ms, 2s, 5m or 1h, got 'soon'"),
        (ONE + ", tls: {ca_file: 5}}", "destinations[0].tls.ca_file: expected a path, got int"),
        (ONE + ", headers: {a: 5}}", "destinations[0].headers.a: expected text, got int; write it in quotes"),
        (ONE + ", headers: [a]}", "destinations[0].headers: expected object, got array"),
        ("destinations: [{kind: otlp}]", "destinations[0].name: is missing"),
        ("destinations: [{name: a}]", "destinations[0].kind: is missing"),
        ("destinations: [a]", "destinations[0]: expected object, got str"),
        ("destinations: {a: 1}", "destinations: expected a list, got dict"),
        (
            "destinations: [{name: a, kind: otpl}]",
            "destinations[0].kind: expected otlp, sgp, agentex, file, got 'otpl'",
        ),
        ("socket: {mode: 0660}", "socket.mode: expected text, got int; write it in quotes"),
        ("socket: {mode: '9999'}", "socket.mode: expected str matching regex '^0?[0-7]{3}$'"),
        ("socket: /run/x", "socket: expected object, got str"),
        ("listen: 4318", "listen: expected host:port such as 127.0.0.1:4318, got 4318"),
        ("admin: null", "admin: expected object, got null"),
        ("spool: /var/lib/spool.db", "spool: expected object | null, got str"),
        ("spool: {path: null}", "spool.path: expected a path, got NoneType"),
        (
            "spool: {path: spool.db}",
            "spool.path: spool.db is not absolute; a spool must be found again wherever inspan starts",
        ),
        ("spool: {mode: never}", "spool.mode: expected overflow, always, got 'never'"),
        ("spool: {lifetime: node}", "spool.lifetime: expected container, pod, persistent, got 'node'"),
        (
            "spool: {threshold: half}",
            "spool.threshold: expected a percentage such as 25%, over 0% and at most 100%, got 'half'",
        ),
        (
            "spool: {recovery_share: 0%}",
            "spool.recovery_share: expected a percentage such as 25%, over 0% and at most 100%, got '0%'",
        ),
        ("spool: {max_bytes: 0}", "spool.max_bytes: expected a size such as 64MiB or 4MB, got 0"),
        ("spool: {max_age: 0s}", "spool.max_age: must be more than 0, got 0.0"),
        ("spool: {ack_timeout: 0s}", "spool.ack_timeout: must be more than 0, got 0.0"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_was_expected(text: str, message: str) -> None:
    assert refused(text) == f"inspan.yaml: {message}"


def test_a_relation_that_does_not_hold_is_named_from_the_top() -> None:
    assert refused(ONE + ", queue: {max_spans: 10}}").startswith(
        "inspan.yaml: destinations[0].batch.max_spans: 2000 is more than queue.max_spans (10)"
    )
    assert refused(ONE + ", retry: {initial: 1m}}").startswith("inspan.yaml: destinations[0].retry.initial: 1m is more")
    assert refused("limits: {max_request_bytes: 1MiB}").startswith("inspan.yaml: limits.max_span_bytes: 4MiB is more")


def test_a_missing_variable_is_named_with_its_key() -> None:
    assert refused(ONE + ", headers: {authorization: '${TOKEN}'}}") == (
        "inspan.yaml: destinations[0].headers.authorization: the environment has no variable TOKEN"
    )


def test_yaml_that_does_not_parse_is_named_by_line_and_column() -> None:
    assert refused("limits:\n  a: 1\n b: 2\n").startswith("inspan.yaml: line 3, column 2: ")
    assert refused("a: \x07") == "inspan.yaml: character 4 is not allowed in YAML"


def test_a_key_that_is_written_twice_is_an_error() -> None:
    assert (
        refused("listen: null\nlimits: {}\nlisten: null\n") == "inspan.yaml: line 3, column 1: the key is written twice"
    )


def test_a_merge_key_is_no_duplicate() -> None:
    text = ONE + ", queue: &q {max_spans: 9000}}\n  - {name: b, kind: file, path: /x, queue: {<<: *q, max_spans: 8000}}"
    assert [destination.queue.max_spans for destination in load(text, "x", {}).destinations] == [9000, 8000]


@pytest.mark.parametrize("text", ["- a", "5", "just words"])
def test_a_file_that_is_no_mapping_is_refused(text: str) -> None:
    assert refused(text).startswith("inspan.yaml: expected keys such as destinations, got ")


@pytest.mark.parametrize(
    "text",
    [
        ONE + ", headers: {authorization: *hunter2}}",
        ONE + ", headers: {authorization: !hunter2 x}}",
        ONE + ", headers: {authorization: '${TOKEN}', 'bad name': x}}",
        ONE + ", headers: {authorization: '${TOKEN}', host: x}}",
        ONE + ", headers: {authorization: '${TOKEN}'}, timeout: 0}",
        ONE + ", headers: {authorization: '${TOKEN}'}, concurrency: x}",
        ONE + ", headers: {authorization: 'hunter2 ${'}}",
        ONE + ", headers: {authorization: hunter2, x: '${MULTILINE}'}}",
        ONE + ", headers: hunter2}",
        ONE + ", headers: {authorization: [hunter2]}}",
        "destinations: [{name: a, kind: otlp, url: 'http://hunter2:hunter2@x/'}]",
        "destinations: [{name: a, kind: otlp, url: 'ftp://x/?hunter2'}]",
    ],
)
def test_no_error_shows_a_secret_nor_does_its_traceback(text: str) -> None:
    environ = {"TOKEN": "hunter2", "MULTILINE": "hunter2\nhunter2"}
    with pytest.raises(ConfigError) as error:
        load(text, "inspan.yaml", environ)
    # Without the lines of code: this test's own source has the secret in it.
    shown = "".join(traceback.TracebackException.from_exception(error.value).format_exception_only())
    assert "hunter2" not in shown and "hunter2" not in str(error.value)
    assert error.value.__suppress_context__


def test_no_repr_shows_a_secret() -> None:
    config = load(ONE + ", headers: {authorization: 'Bearer ${TOKEN}'}}", "x", {"TOKEN": "hunter2"})
    assert "hunter2" not in repr(config) + str(config) + repr(config.destinations[0].headers)


def test_a_file_is_read_from_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "inspan.yaml"
    path.write_text("limits: {max_connections: 5}")
    assert read(path, {}).config.limits.max_connections == 5
    assert read(None, {}).config.limits.max_connections == 1024


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.yaml: cannot be read: No such file"):
        read(tmp_path / "none.yaml", {})
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ConfigError, match=r"latin.yaml: cannot be read: it is not UTF-8"):
        read(tmp_path / "latin.yaml", {})


def test_an_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "inspan.yaml"
    path.write_text("listne: null")
    with pytest.raises(ConfigError) as error:
        read(path, {})
    assert str(error.value) == f"{path}: listne: unknown key; did you mean listen?"
