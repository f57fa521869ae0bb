"""Whatever an agent puts into a span: nothing raises, nothing waits, what is accepted is JSON with its key, a real
sidecar takes it, and its neighbours arrive."""

import json
import os
import random
import threading
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from tests.client.faults import values
from tests.client.faults.upstream import ids, keeping, kept, law
from tests.e2e.sink_process import SinkProcess
from tests.sidecar import Sidecar

import inspan
from inspan.wire import ACCOUNT

SPANS: Final = 100_000 if os.environ.get("INSPAN_SOAK") == "1" else 2_000
AT: Final = {"start_timestamp": "2025-01-01T00:00:00Z", "end_timestamp": "2025-01-01T00:00:01Z"}


class Renamed(msgspec.Struct, rename={"id": "ID"}):
    id: str
    trace_id: str


class Listed(msgspec.Struct, array_like=True):
    id: str
    trace_id: str


class Liar(dict[str, Any]):
    def get(self, name: str, default: Any = None) -> Any:
        return "what it is not"


def test_any_value_goes_to_a_real_sidecar_and_costs_its_neighbours_nothing(tmp_path: Path, rng: random.Random) -> None:
    with keeping(tmp_path) as sidecar:
        client = inspan.Client(sidecar.socket, max_bytes=1 << 28)
        for number in range(SPANS):
            odd = {name: values.value(rng) for name in ("input", "output", "metadata", "name", "more")}
            assert client.record({"id": f"odd{number}", "trace_id": "t", **AT, **odd})
            assert client.record({"id": f"even{number}", "trace_id": "t", "name": "n", **AT})
        assert client.flush(60), client.stats()
        assert client.stats().accepted == 2 * SPANS
        assert client.close()
        law(client.stats())
        found = ids(kept(sidecar, tmp_path))
        assert found == {f"{kind}{number}": 1 for number in range(SPANS) for kind in ("odd", "even")}


@pytest.mark.parametrize("at", range(len(values.ODD)))
def test_each_odd_value_leaves_the_rest_of_its_span_as_it_is(tmp_path: Path, at: int) -> None:
    client = inspan.Client(tmp_path / "nowhere")
    encoded = json.loads(client.life.encode({"id": "i", "trace_id": "t", "input": {"odd": values.ODD[at](), "a": [1]}}))
    assert (encoded["id"], encoded["trace_id"], encoded["input"]["a"]) == ("i", "t", [1])


@pytest.mark.parametrize("at", range(len(values.ODD)))
def test_no_odd_value_is_a_span_and_none_raises(tmp_path: Path, at: int) -> None:
    client = inspan.Client(tmp_path / "nowhere")
    odd = values.ODD[at]
    for span in (odd(), {"id": odd(), "trace_id": "t"}, {"id": "i", "trace_id": odd()}):
        kept = client.record(span)
        assert not kept or type(next(iter(span.values()))) in (values.Text, str)
    span = inspan.Span(name="n", id="i", trace_id="t", start_timestamp=odd())
    assert client.record(span)
    span.id = odd()
    client.record(span)
    client.close(0)
    law(client.stats())


@pytest.mark.parametrize("span", [Renamed("i", "t"), Listed("i", "t"), Liar(a=1), {"id": "", "trace_id": "t"}, {}])
def test_what_only_looks_like_a_span_is_dropped_before_it_is_posted(tmp_path: Path, span: Any) -> None:
    client = inspan.Client(tmp_path / "nowhere")
    assert not client.record(span)
    assert client.stats().dropped["unencodable"] == 1


def test_odd_ids_arrive_as_they_are(tmp_path: Path) -> None:
    odd = ["nul \x00", "half \ud800", values.Text("of a class"), "x" * 300, " ", "\u2028", '"', "é" * 100]
    with keeping(tmp_path) as sidecar:
        client = inspan.Client(sidecar.socket)
        for each in odd:
            assert client.record({"id": each, "trace_id": each, **AT})
        assert client.flush(10), client.stats()
        client.close()
        found = ids(kept(sidecar, tmp_path))
        assert found == {each.encode("utf-8", "replace").decode(): 1 for each in map(str.__str__, odd)}


def test_a_prompt_of_ten_megabytes_is_shortened_and_arrives_beside_its_neighbours(tmp_path: Path) -> None:
    with keeping(tmp_path) as sidecar:
        client = inspan.Client(sidecar.socket, max_bytes=1 << 26)
        for number in range(4):
            text = "x" * 10_000_000 if number % 2 else "short"
            assert client.record({"id": f"s{number}", "trace_id": "t", "input": {"prompt": text}, **AT})
        assert client.flush(20), client.stats()
        assert client.stats().shortened == 2
        client.close()
        spans = kept(sidecar, tmp_path)
        assert ids(spans) == {f"s{number}": 1 for number in range(4)}


def test_what_changes_after_it_was_recorded_is_as_it_was(tmp_path: Path) -> None:
    with keeping(tmp_path) as sidecar:
        client = inspan.Client(sidecar.socket)
        span: dict[str, Any] = {"id": "s", "trace_id": "t", "input": {"a": [1]}, **AT}
        client.record(span)
        span["id"] = "other"
        span["input"]["a"].append(2)
        client.close()
        (found,) = kept(sidecar, tmp_path)
        assert (found["id"], found["input"]) == ("s", {"a": [1]})


def test_what_other_threads_change_meanwhile_is_recorded_all_the_same(tmp_path: Path) -> None:
    client = inspan.Client(tmp_path / "nowhere", max_bytes=1 << 28)
    span: dict[str, Any] = {"id": "s", "trace_id": "t", "input": {"odd": "\ud800"}, **AT}
    over = threading.Event()

    def change() -> None:
        number = 0
        while not over.is_set():
            number += 1
            span["input"][f"k{number % 50}"] = values.Array()
            span["input"].pop(f"k{(number + 25) % 50}", None)

    threads = [threading.Thread(target=change) for _ in range(3)]
    for each in threads:
        each.start()
    assert all(client.record(span) for _ in range(3_000))
    over.set()
    for each in threads:
        each.join()
    client.close(0)
    law(client.stats())


def test_an_upstream_that_takes_objects_alone_has_every_span_running_or_ended(tmp_path: Path) -> None:
    """SGP's contract: one that is refused there is quarantined, after each of its neighbours was suspected."""
    odd: list[Any] = [None, {}, {"a": 1}, [], [1], [{}], "text", "", 0, 1.5, b"x", (), object()]
    with SinkProcess(tmp_path) as sink:
        sgp = {"name": "sgp", "kind": "sgp", "url": sink.url, "headers": {"x-api-key": "k", ACCOUNT: "a"}}
        sgp |= {"upsert": {"hold_open": "1ms"}, "batch": {"linger": "1ms"}}
        with Sidecar({"destinations": [sgp]}) as sidecar:
            client = inspan.Client(sidecar.socket)
            for each in odd:
                block = client.span("a", input=each)
                with block as span:
                    assert client.flush(5)  # its start is upstream before it ends
                    span.output = span.metadata = each
            assert client.close()
            ledger = sidecar.stop()
            account = ledger["destinations"]["sgp"]
            assert account.get("quarantined", 0) == 0, sidecar.text()
            assert account["delivered"] + account.get("merged", 0) == 2 * len(odd)
            assert sink.count()["unique"] == len(odd)
