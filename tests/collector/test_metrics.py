"""The metrics are a contract: names, types, labels, and every reason and state at 0 from the start.

A change here is a change for dashboards and alerts. To write the golden file anew: `INSPAN_WRITE_GOLDEN=1 make test`.
"""

import json
import os
import platform
import random
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from tests.collector.rig import Running, destination
from tests.collector.sink.posts import JSON, otlp, sgp_span
from tests.prometheus.programs import path_of, promtool

from inspan_collector.row import TROUBLES
from inspan_collector.sink import Sink
from inspan_collector.sink.behaviour import Behaviour

GOLDEN = Path(__file__).with_name("golden_metrics.txt")

# As the documentation has it.
CONTRACT = """
inspan_build_info{version,python}              inspan_start_time_seconds
inspan_spans_received_total{dialect}           inspan_spans_accepted_total{dialect}
inspan_spans_refused_total{dialect,reason}     inspan_received_bytes_total{dialect}
inspan_requests_total{dialect,code}            inspan_requests_refused_total{dialect,reason}
inspan_spans_enqueued_total{destination}       inspan_spans_recovered_total{destination}
inspan_spans_replayed_total{destination}       inspan_spans_synthesized_total{destination}
inspan_spans_delivered_total{destination}      inspan_spans_merged_total{destination}
inspan_spans_deduplicated_total{destination}
inspan_spans_quarantined_total{destination}    inspan_spans_dropped_total{destination,reason}
inspan_queue_spans{destination}                inspan_queue_bytes{destination}
inspan_queue_capacity_spans{destination}       inspan_queue_capacity_bytes{destination}
inspan_queue_oldest_age_seconds{destination}   inspan_in_flight_spans{destination}
inspan_spool_spans{destination}                inspan_spool_bytes
inspan_spool_limit_bytes                       inspan_spool_errors_total{kind}
inspan_spool_trouble{kind}
inspan_quarantine_spans{destination}           inspan_quarantine_evicted_spans_total{destination}
inspan_memory_bytes                            inspan_memory_limit_bytes
inspan_batch_spans{destination} (histogram)    inspan_batch_size_bytes{destination} (histogram)
inspan_attempt_duration_seconds{destination,decision} (histogram)
inspan_delivery_duration_seconds{destination} (histogram)
inspan_sent_bytes_total{destination}           inspan_connections_open{destination}
inspan_connections_opened_total{destination}   inspan_gate_state{destination,state}
inspan_learned_max_bytes{destination}          inspan_ledger_imbalance_spans
inspan_agents{state}                           inspan_agent_spans_dropped_total{service,reason}
inspan_agent_spans_recorded_total{service}     inspan_agent_spans_queued{service}
inspan_agent_spans_missing{service}             inspan_open_spans{destination}
inspan_open_spans_unwatched_total{destination}
"""
ENTRY = re.compile(r"(inspan_\w+?)(_total)?(?:\{([\w,]+)\})?( \(histogram\))?(?= |$)", re.MULTILINE)
# Which values of these appear is up to the clients, not to us.
UNFORESEEN = {"inspan_requests": {"dialect", "code"}, "inspan_agent_spans_dropped": {"service", "reason"}} | {
    f"inspan_agent_spans_{what}": {"service"} for what in ("recorded", "queued", "missing")
}


def contract() -> Iterator[tuple[str, str, set[str]]]:
    """(name without _total, type, labels)."""
    for name, total, labels, histogram in ENTRY.findall(CONTRACT):
        kind = "counter" if total else "histogram" if histogram else "gauge"
        yield name, kind, set(filter(None, labels.split(",")))


async def scraped(running: Running) -> str:
    return (await running.get("/metrics"))[1].decode()


def labels(family: Metric) -> set[str]:
    return {name for sample in family.samples for name in sample.labels} - {"le"}


async def test_a_fresh_sidecar_scrapes_to_the_golden_text(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        text = await scraped(running)
    text = text.replace(version("inspan"), "VERSION").replace(platform.python_version(), "PYTHON")
    text = re.sub(r"(?<=[}a-z]) (?!0\.0$|1\.0$)\d[\d.e+]*$", " SOME", text, flags=re.MULTILINE)  # capacities
    if os.environ.get("INSPAN_WRITE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


async def test_names_types_and_labels_are_those_of_the_documentation_and_no_others(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        families = {family.name: family for family in text_string_to_metric_families(await scraped(running))}
    expected = {name: (kind, named) for name, kind, named in contract()}
    assert len(expected) == CONTRACT.count("inspan_")
    assert families.keys() == expected.keys()
    for name, (kind, named) in expected.items():
        assert families[name].type == kind, name
        assert labels(families[name]) == (set() if name in UNFORESEEN else named), name
        assert families[name].documentation


async def test_the_start_is_a_moment_of_this_life_and_stays(tmp_path: Path) -> None:
    before = time.time()
    async with Running(tmp_path) as running:
        after = time.time()
        first, second = [(await running.metrics())["inspan_start_time_seconds"] for _ in range(2)]
    assert first == second
    assert before <= first <= after


async def test_what_is_wrong_with_the_disk_is_shown_for_as_long_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("create table somebodys_own (x)")
    async with Running(tmp_path, spool={"path": str(path)}) as running:
        spool = running.service.view.spool
        assert spool is not None

        async def wrong() -> dict[str, float]:
            kinds = {kind: f'inspan_spool_trouble{{kind="{kind}"}}' for kind in TROUBLES}
            found = await running.metrics()
            return {kind: found[series] for kind, series in kinds.items() if found[series]}

        await running.until(lambda: "something else" in (spool.why_not() or ""))
        assert await wrong() == {"newer": 1}
        path.unlink()
        await running.until(lambda: spool.why_not() is None)
        assert await wrong() == {}
        assert (await running.metrics())['inspan_spool_errors_total{kind="newer"}'] == 1


async def test_what_promtool_has_to_say(tmp_path: Path) -> None:
    """With promtool where it is installed; else with the parser of the Python client, which knows the format too."""
    async with Sink() as sink, Running(tmp_path, destination(sink.url + "/v1/traces")) as running:
        await running.post(otlp("a"))
        await running.post(b"nonsense")
        await running.until(lambda: running.books().get("delivered") == 1)
        text = await scraped(running)
    if path_of("promtool"):
        assert promtool("check", "metrics", text=text) == (0, "")
    names = [family.name for family in text_string_to_metric_families(text)]
    assert len(names) == len(set(names))
    series = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series))
    found = {family.name: labels(family) for family in text_string_to_metric_families(text)}
    assert found["inspan_requests"] == UNFORESEEN["inspan_requests"]


async def test_a_histogram_is_whole(tmp_path: Path) -> None:
    async with Sink() as sink, Running(tmp_path, destination(sink.url + "/v1/traces")) as running:
        for number in range(1, 8):
            await running.post(otlp(*["a"] * number, first=100 * number))
        await running.until(lambda: running.books().get("delivered") == 28)
        for family in text_string_to_metric_families(await scraped(running)):
            if family.type != "histogram":
                continue
            for sample in family.samples:
                if sample.name.endswith("_count"):
                    buckets = [
                        each.value
                        for each in family.samples
                        if each.name.endswith("_bucket") and sample.labels.items() <= each.labels.items()
                    ]
                    assert buckets == sorted(buckets) and buckets[-1] == sample.value
            if family.name == "inspan_batch_spans":
                assert [sample.value for sample in family.samples if sample.name.endswith("_sum")] == [28]


async def test_a_scrape_equals_the_ledger_whatever_happened(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    behaviour = Behaviour(status=503, every=3, reject_span="poison", partial=1)
    two = {"name": "two", "queue": {"max_spans": 20}, "batch": {"max_spans": 5, "linger": 0}}
    async with Sink(behaviour) as sink:
        url = sink.url + "/v1/traces"
        sgp = {"name": "sgp", "kind": "sgp", "url": sink.url, "headers": {"x-api-key": "k"}}
        async with Running(tmp_path, destination(url), destination(url, **two), sgp) as running:
            for number in range(60):
                kind = rng.randrange(5)
                names = [rng.choice(("a", "a", "a", "poison")) for _ in range(rng.randint(1, 6))]
                if kind < 3:
                    await running.post(otlp(*names, first=1000 * number + 1))
                elif kind == 3:
                    body = json.dumps([sgp_span(f"s{number}")]).encode()
                    await running.post(body, "/v1/spans", content_type=JSON["content-type"])
                else:
                    await running.post(b"nonsense")
                if number % 10 == 0:
                    await check_against_ledger(running)
            # Plain spans meet 503s alone, so some always arrive; OTLP ones may all be poisoned, and pause for 30 s.
            await running.post(json.dumps([sgp_span("last")]).encode(), "/v1/spans", content_type=JSON["content-type"])
            ledgers = [found.ledger for found in running.service.view.destinations]
            await running.until(lambda: sum(ledger.snapshot()["delivered"] for ledger in ledgers) > 0)
            await check_against_ledger(running)


async def check_against_ledger(running: Running) -> None:
    view = running.service.view
    series = await running.metrics()
    assert series["inspan_ledger_imbalance_spans"] == 0
    for book in view.receptions:
        dialect = f'dialect="{book.dialect}"'
        refused = sum_of(series, "inspan_spans_refused_total", dialect)
        accepted = series[f"inspan_spans_accepted_total{{{dialect}}}"]
        assert series[f"inspan_spans_received_total{{{dialect}}}"] == accepted + refused
        answered = sum_of(series, "inspan_requests_total", dialect)
        assert sum_of(series, "inspan_requests_refused_total", dialect) <= answered
    for found in view.destinations:
        name = f'destination="{found.name}"'

        def value(metric: str, name: str = name) -> float:
            return series[f"inspan_{metric}{{{name}}}"]

        places = value("queue_spans") + value("in_flight_spans") + value("spool_spans")
        fates = value("spans_delivered_total") + value("spans_merged_total") + value("spans_quarantined_total")
        dropped = sum_of(series, "inspan_spans_dropped_total", name)
        assert value("spans_enqueued_total") == places + fates + dropped
        assert sum(series[f'inspan_gate_state{{{name},state="{state}"}}'] for state in ("open", "shut", "paused")) == 1


def sum_of(series: dict[str, float], metric: str, label: str) -> float:
    return sum(value for name, value in series.items() if name.startswith(metric + "{") and label in name)


@pytest.mark.parametrize("path", ["/metrics", "/metrics?name[]=x"])
async def test_the_scrape_says_what_it_is(tmp_path: Path, path: str) -> None:
    async with Running(tmp_path) as running:
        url = f"http://127.0.0.1:{running.service.admin.port()}{path}"
        async with running.http.get(url) as answer:
            assert answer.status == 200
            assert answer.headers["content-type"].startswith("text/plain; version=")
