"""One short run of real processes: what is relayed is counted at both ends, and the limit loop relays all of it."""

import msgspec
import pytest
from bench.harness.relayed import relayed
from bench.harness.settings import Case, Load, given
from bench.harness.stage import Stage
from bench.harness.systems import LIMIT, NOTHING, OURS, SYSTEMS
from bench.process import cores

CASE = Case(name="100 x 360 B", x=100, load=Load(connections=4))


@pytest.mark.parametrize(("name", "compression"), [(OURS, "gzip"), (LIMIT, "gzip"), (LIMIT, "none")])
def test_all_that_is_acknowledged_arrives_as_it_was_asked_to(name: str, compression: str) -> None:
    case = msgspec.structs.replace(CASE, settings=given(compression=compression))
    with Stage(*cores(), 0.1) as stage:
        found = relayed(stage, SYSTEMS[name], case)
    assert found.spans
    assert found.lost == 0
    assert found.encodings == {"none": "identity"}.get(compression, compression)
    assert found.most_spans is not None
    assert found.most_spans <= (case.settings.batch_spans or 0)
    assert found.cpu is not None  # 0 where so little was done that the kernel saw no tick of it
    assert found.steal is not None


def test_a_body_that_comes_in_pieces_is_whole_again() -> None:
    case = msgspec.structs.replace(CASE, load=Load(spans=10, span_bytes=100_000, connections=4))
    with Stage(*cores(), 0.1) as stage:
        found = relayed(stage, SYSTEMS[LIMIT], case)
    assert found.spans
    assert found.lost == 0


def test_what_relays_nothing_is_a_bound_and_loses_nothing() -> None:
    with Stage(*cores(), 0.1) as stage:
        found = relayed(stage, SYSTEMS[NOTHING], CASE)
    assert found.spans
    assert found.lost is None
    assert found.requests is None
