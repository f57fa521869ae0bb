"""A word in every place that holds a secret, another in every place of a span; and then every byte that is shown."""

import base64
import http.client
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import trustme
from tests.collector.sink.posts import otlp
from tests.security.canary import SAID, SECRETS, found
from tests.security.echo import PAUSING, TURNS, Echo
from tests.sidecar import PATIENCE, Sidecar

from inspan_collector.cli.send import UnixConnection

FAST: Final[dict[str, Any]] = {"retry": {"initial": "5ms", "max": "10ms"}, "compression": "none", "concurrency": 1}
ADMIN: Final = ("/", "/status", "/events", "/metrics", "/livez", "/readyz", "/nothing")


class Shown:
    """Everything that one sidecar showed in its life, by where it was."""

    def __init__(self) -> None:
        self.places: dict[str, bytes] = {}

    def add(self, place: str, content: bytes | str) -> None:
        raw = content.encode() if isinstance(content, str) else content
        self.places[place] = self.places.get(place, b"") + raw

    def hits(self, word: str) -> list[str]:
        return [f"{place}: {hit}" for place, raw in self.places.items() for hit in found(word, raw)]


def settings(echo: Echo, home: Path) -> dict[str, Any]:
    basic = base64.b64encode(f"somebody:{SECRETS['basic']}".encode()).decode()
    (home / "token").write_text(SECRETS["file"])
    key = trustme.CA().issue_cert("sidecar.example")
    key.cert_chain_pems[0].write_to_path(home / "cert.pem")
    (home / "key.pem").write_bytes(key.private_key_pem.bytes() + f"\n{SECRETS['key']}\n".encode())
    headers = {
        "authorization": f"Bearer {SECRETS['literal']}",
        "x-variable": "${HELD}",
        "x-file": f"file:{home / 'token'}",
        "proxy-authorization": f"Basic {basic}",
    }
    query = f"?key={SECRETS['query'].replace('<', '%3C').replace('>', '%3E')}"
    tls = {"cert_file": str(home / "cert.pem"), "key_file": str(home / "key.pem")}
    found: dict[str, Any] = {
        "destinations": [
            {"name": "up", "kind": "otlp", "url": f"{echo.url}/turns{query}", "headers": headers},
            *({"name": f"p{n}", "kind": "otlp", "url": f"{echo.url}/{n}/{query}", "headers": headers} for n in PAUSING),
            {"name": "tls", "kind": "otlp", "url": echo.url.replace("http", "https"), "headers": headers, "tls": tls},
            {"name": "sgp", "kind": "sgp", "url": f"{echo.url}/turns", "headers": {"x-api-key": SECRETS["sgp"]}},
            {"name": "agx", "kind": "agentex", "url": f"{echo.url}/turns", "headers": {"x-key": SECRETS["agentex"]}},
        ],
        "spool": {"path": str(home / "spool" / "spool.db"), "mode": "always"},
        "drain": {"deadline": "300ms", "termination_message": str(home / "termination")},
    }
    found["destinations"] = [each | FAST for each in found["destinations"]]
    return found


ENVIRONMENT: Final = {
    "PYTHONASYNCIODEBUG": "1",  # it says more than anybody has asked for
    "HELD": SECRETS["variable"],
    "SGP_API_KEY": SECRETS["unused"],
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={SECRETS['unused']}",
    "HTTPS_PROXY": f"http://u:{SECRETS['unused']}@127.0.0.1:9",
}


def span(number: int, name: str = SAID) -> dict[str, Any]:
    """A span that says it everywhere; open where its number is odd."""
    times = {"start_timestamp": "2025-01-01T00:00:00Z", "end_timestamp": "2025-01-01T00:00:01Z"}
    if number % 2:
        del times["end_timestamp"]
    where = {"trace_id": f"{SAID}-trace", "id": f"{SAID}-{number}", "parent_id": f"{SAID}-parent"}
    return where | {"name": name, "input": {SAID: SAID}, "output": SAID, "metadata": {SAID: [SAID]}} | times


def posts() -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """Requests as agents send them, good and bad. (path, body, headers)"""
    named = {"user-agent": SAID, f"x-{SAID}": SAID, "traceparent": SAID}
    binary, text = {"content-type": "application/x-protobuf"} | named, {"content-type": "application/json"} | named
    for number in range(6):
        yield "/v1/traces", otlp(SAID, SAID, first=1 + 10 * number), binary
    many = json.dumps([span(number) for number in range(6)]).encode()
    yield "/v1/spans", many, text
    yield "/v5/spans/batch", json.dumps({"items": [span(8), span(8, "poison")]}).encode(), text
    yield "/spans", json.dumps({"id": SAID, "trace_id": SAID, "name": SAID, "start_time": SAID}).encode(), text
    for bad in (many[:-1], many.replace(b'"id"', b'"di"'), SAID.encode(), b'"' + SAID.encode(), b"[" * 2000):
        for path in ("/v1/traces", "/v1/spans", "/v5/spans/batch", "/spans", f"/spans/{SAID}", "/v1/agents"):
            yield path, bad, text
            yield path, bad, binary | {"content-type": "text/plain"}
            yield path, bad, text | {"content-encoding": "gzip"}
    yield f"/{SAID}", many, text
    yield f"/v1/agents/{SAID}/heartbeat", many, text
    yield "/v1/spans", many, text | {"x-selected-account-id": SAID, "inspan-ack": SAID}
    yield "/v1/spans", many, text | {"inspan-agent": SAID, "inspan-sequence": SAID}


def ask(path: Path, target: str) -> bytes:
    connection = UnixConnection(path)
    try:
        connection.request("GET", target)
        return connection.getresponse().read()
    finally:
        connection.close()


def command(*words: str, env: dict[str, str] | None = None) -> str:
    """What a command says, on both of its outputs."""
    done = subprocess.run(
        [sys.executable, "-m", "inspan_collector", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=env,
        check=False,
    )
    return done.stdout + done.stderr


def live(sidecar: Sidecar) -> bytes:
    """The history, and the first moment."""
    connection = http.client.HTTPConnection(sidecar.admin_url.removeprefix("http://"), timeout=PATIENCE)
    connection.request("GET", "/live")
    answer = connection.getresponse()
    events = b""
    while events.count(b"\n\n") < 2:
        events += answer.read1()
    answer.close()
    connection.close()
    return events


def look(sidecar: Sidecar, shown: Shown) -> None:
    """What it shows while it runs."""
    for path in ADMIN:
        shown.add(f"admin {path}", str(sidecar.get(path)[1:]))
    shown.add("admin /live", live(sidecar))
    for name in ("cmdline", "comm", "status"):
        shown.add(f"process {name}", Path(f"/proc/{sidecar.pid}/{name}").read_bytes())
    control = sidecar.socket.parent / "control.sock"
    for target in ("/quarantine", "/spool", f"/trace/{SAID}-trace", "/nothing"):
        shown.add(f"control {target}", ask(control, target))
    for entry in json.loads(ask(control, "/quarantine"))["entries"]:
        shown.add("control /quarantine/", ask(control, f"/quarantine/{entry['id']}"))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """One life through every answer of an upstream that repeats everything, and what is left of it."""
    home, shown = tmp_path_factory.mktemp("canary"), Shown()
    with Echo() as echo, Sidecar(settings(echo, home), ENVIRONMENT) as sidecar:
        for path, body, headers in posts():
            shown.add("answers to agents", str(sidecar.post(path, body, headers)))
        end = time.monotonic() + PATIENCE
        while not done(sidecar.status()):
            assert time.monotonic() < end, sidecar.text()
            time.sleep(0.05)
        look(sidecar, shown)
        config = sidecar.home / "inspan.yaml"
        shown.add("inspan check", command("check", "-c", str(config), env=sidecar.env))
        shown.add("inspan check --schema", command("check", "--schema", "-c", str(config), env=sidecar.env))
        control = str(sidecar.socket.parent / "control.sock")
        shown.add("inspan quarantine ls", command("quarantine", "ls", "--control", control))
        shown.add("inspan trace", command("trace", f"{SAID}-trace", "--control", control))
        sidecar.stop()
        for word in set(SECRETS.values()) - {SECRETS["key"], SECRETS["unused"]}:
            assert any(found(word, said.encode()) for said in echo.seen), f"{word} was never sent, so nothing is proved"
        shown.add("log", sidecar.text())
        shown.add("termination message", (home / "termination").read_bytes())
        for path in [*(home / "spool").iterdir(), *sidecar.socket.parent.glob("*.books*")]:
            shown.add(f"file {path.name}", path.read_bytes())
        shown.add("rows", "\n".join(sqlite3.connect(home / "spool" / "spool.db").iterdump()))
    return shown


def done(status: dict[str, Any]) -> bool:
    """Every answer was given: each destination has settled all it had, or is paused."""
    return all(
        each["gate"]["state"] == "paused" if each["name"][0] in "pt" else each["queue"]["spans"] == 0
        for each in status["destinations"]
    )


def test_no_secret_is_shown_anywhere(shown: Shown) -> None:
    assert len(shown.places) > 20
    assert [hit for word in SECRETS.values() for hit in shown.hits(word)] == []


def test_the_upstreams_words_are_there_and_masked(shown: Shown) -> None:
    words = [json.loads(line).get("words", "") for line in shown.places["log"].decode().splitlines()]
    assert any("***" in said for said in words)
    assert b"***" in shown.places["control /quarantine/"]
    for status in (422, TURNS[0], *PAUSING):
        assert str(status) in shown.places["admin /status"].decode() + shown.places["log"].decode()


def test_what_spans_say_is_where_spans_are_kept_and_nowhere_else(shown: Shown) -> None:
    kept = ("control ", "file spool.db", "rows", "inspan trace", "inspan quarantine")
    for place, raw in shown.places.items():
        if place == "log":
            lines = [json.loads(line) for line in raw.decode().splitlines()]
            raw = json.dumps([{key: value for key, value in line.items() if key != "words"} for line in lines]).encode()
        if not place.startswith((*kept, "answers to agents")):
            assert (place, found(SAID, raw)) == (place, [])
    assert any(found(SAID, raw) for place, raw in shown.places.items() if place.startswith("rows"))
