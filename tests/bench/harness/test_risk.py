"""Each risk is seen when it is there, and only then."""

import pytest
from bench.harness.risk import BATCHES, BOOKS, CEILING, ENCODING, OTHERS, REFUSALS, STEAL, Risk, disturbances, oddities
from bench.harness.row import Measures
from bench.harness.settings import Case, given

CASE = Case(name="c", x=1)


@pytest.mark.parametrize(
    ("risk", "there", "absent"),
    [
        (STEAL, Measures(steal=0.02), Measures(steal=0.005)),
        (OTHERS, Measures(others=0.2), Measures(others=0.01)),
        (
            CEILING,
            Measures(generator_cpu=0.99, load_wall=1.0, cpu=0.5, wall=1.0),
            Measures(generator_cpu=0.99, load_wall=1.0, cpu=0.95, wall=1.0),
        ),
        (BOOKS, Measures(spans=10, lost=1), Measures(spans=10, lost=0)),
        (BOOKS, Measures(spans=10, lost=-1), Measures(spans=10)),
        (ENCODING, Measures(encodings="identity"), Measures(encodings="gzip")),
        (BATCHES, Measures(most_spans=8192), Measures(most_spans=2000)),
        (REFUSALS, Measures(posts=90, refused=10), Measures(posts=999, refused=1)),
    ],
)
def test_a_risk_is_seen_where_it_is_there(risk: Risk, there: Measures, absent: Measures) -> None:
    assert risk.detect(CASE, there)
    assert not risk.detect(CASE, absent)
    assert not risk.detect(CASE, Measures())


def test_what_was_not_compressed_is_right_where_nothing_was_to_be() -> None:
    plain = Case(name="c", x=1, settings=given(compression="none"))
    assert not ENCODING.detect(plain, Measures(encodings="identity"))
    assert ENCODING.detect(plain, Measures(encodings="gzip"))


def test_only_what_another_try_may_be_spared_asks_for_one() -> None:
    found = Measures(steal=0.5, spans=10, lost=1)
    assert "stolen" in disturbances((STEAL, BOOKS), CASE, found)
    assert "never came" not in disturbances((STEAL, BOOKS), CASE, found)
    assert [risk for risk, _ in oddities((STEAL, BOOKS), CASE, found)] == [BOOKS]
