"""How agents that send by themselves are told what every peer is told."""

import pytest
from bench.peers.in_process import HTTPX, OTEL_SDK, AgentexSdk
from bench.peers.settings import Settings
from bench.process import Failed

TOLD = Settings("gzip", batch_spans=4000, linger=0.25, concurrency=3)


def test_the_sdk_hears_of_batches_and_of_a_queue_that_holds_one() -> None:
    assert OTEL_SDK.kind(TOLD).environ == {
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4000",
        "OTEL_BSP_MAX_QUEUE_SIZE": "4000",
        "OTEL_BSP_SCHEDULE_DELAY": "250",
    }
    small = OTEL_SDK.kind(Settings(batch_spans=10)).environ
    assert small["OTEL_BSP_MAX_QUEUE_SIZE"] == "2048"


def test_the_sdk_has_no_zstd_and_says_so() -> None:
    with pytest.raises(Failed, match="zstd"):
        OTEL_SDK.kind(Settings("zstd"))


def test_the_queue_of_agentex_hears_of_starts_only_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPAN_BENCH_AGENTEX", "/a/python")
    told = {
        "AGENTEX_SPAN_QUEUE_BATCH_SIZE": "4000",
        "AGENTEX_SPAN_QUEUE_LINGER_MS": "250",
        "AGENTEX_SPAN_QUEUE_CONCURRENCY": "3",
    }
    assert AgentexSdk().kind(TOLD).environ == told
    assert AgentexSdk(starts=True).kind(TOLD).environ == told | {"AGENTEX_TRACING_SKIP_SPAN_START": "0"}
    assert AgentexSdk().kind(Settings()).environ == {}


def test_without_a_python_that_has_it_agentex_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPAN_BENCH_AGENTEX", "")
    assert "set INSPAN_BENCH_AGENTEX" in str(AgentexSdk().available())
    with pytest.raises(Failed, match="not found"):
        AgentexSdk().kind(TOLD)


def test_direct_posts_hear_of_nothing_but_how_many_may_be_out() -> None:
    assert HTTPX.kind(TOLD).environ == {"BENCH_HTTPX_MOST": "3"}
    assert HTTPX.kind(Settings()).environ == {}
