"""The unmodified scale-gp-beta client, a sidecar and an upstream that refuses spans, each in a process of its own."""

import random
from pathlib import Path

import httpx
from scale_gp_beta import SGPClient
from tests.collector.offenders import ELSEWHERE, KINDS, Span, good
from tests.e2e.sink_process import SinkProcess
from tests.sidecar import Sidecar

REFUSED = 'inspan_attempt_duration_seconds_count{decision="isolate",destination="sgp"}'


def post(sidecar: Sidecar, *posts: list[Span]) -> None:
    """Each list in a post of its own, by a client that retries nothing and raises where it is refused."""
    transport = httpx.HTTPTransport(uds=str(sidecar.socket))
    with (
        httpx.Client(transport=transport) as http,
        SGPClient(api_key="none", account_id="a", base_url="http://sidecar", http_client=http, max_retries=0) as client,
    ):
        for spans in posts:
            answer = client.spans.upsert_batch(items=spans)  # type: ignore[arg-type]  # some are wrong on purpose
            assert [item.id for item in answer.items] == [span["id"] for span in spans]


def test_spans_that_the_upstream_refuses_cost_their_neighbours_nothing(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    posts = [[good(100 * at + number) for number in range(1, 31)] for at in range(len(KINDS))]
    for number, (kind, spans) in enumerate(zip(KINDS.values(), posts, strict=True)):
        spans.insert(rng.randint(0, 30), kind.make(number))
    bad, fine = len(KINDS), 1 + 30 * len(KINDS)
    with SinkProcess(tmp_path, "--api-key", "k") as sink:
        environ = {"SGP_API_KEY": "k", "SGP_ACCOUNT_ID": "a", "SGP_CLIENT_BASE_URL": sink.url}
        with Sidecar(None, environ) as sidecar:
            post(sidecar, [ELSEWHERE])
            sidecar.until('inspan_spans_delivered_total{destination="sgp"}', 1)
            post(sidecar, *posts)
            sidecar.until('inspan_spans_delivered_total{destination="sgp"}', fine)
            sidecar.until('inspan_spans_quarantined_total{destination="sgp"}', bad)
            metrics = sidecar.metrics()
            log = sidecar.wait_for("quarantined")
            ledger = sidecar.stop()
        count = sink.count()
    assert ledger["dialects"]["sgp"] == {"received": fine + bad, "accepted": fine + bad, "refused": {}}
    assert ledger["destinations"] == {"sgp": {"enqueued": fine + bad, "delivered": fine, "quarantined": bad}}
    assert ledger["imbalance"] == 0
    assert (count["spans"], count["unique"], count["rows"]) == (fine, fine, fine)
    # No connection broke, so each request is in both counts: the sidecar made so many and no more.
    answered = {int(status): number for status, number in count["answered"].items()}
    assert set(answered) == {200, 400, 409, 422}
    assert metrics[REFUSED] == sum(answered.values()) - answered[200]
    assert sum(answered.values()) <= 2 * len(posts) + 2 * bad * 6  # two for each halving of 31
    assert metrics['inspan_quarantine_spans{destination="sgp"}'] == bad
    assert "items[0]" in log["words"] or "span " in log["words"]
