import pytest
from tests.scrapes import check_scrape, held

GOOD = {
    "inspan_ledger_imbalance_spans": 0.0,
    'inspan_spans_received_total{dialect="otlp"}': 5.0,
    'inspan_spans_accepted_total{dialect="otlp"}': 3.0,
    'inspan_spans_refused_total{dialect="otlp",reason="queue_full"}': 2.0,
    'inspan_spans_enqueued_total{destination="up"}': 3.0,
    'inspan_spans_delivered_total{destination="up"}': 1.0,
    'inspan_queue_spans{destination="up"}': 2.0,
}


@pytest.mark.parametrize("law", ["inspan_spans_accepted_total", "inspan_spans_delivered_total", "inspan_ledger"])
def test_a_scrape_that_does_not_add_up_would_be_seen(law: str) -> None:
    check_scrape(GOOD)
    series = next(name for name in GOOD if name.startswith(law))
    with pytest.raises(AssertionError):
        check_scrape({**GOOD, series: GOOD[series] + 1})


def test_what_has_no_fate_is_counted() -> None:
    assert held(GOOD) == 2
