"""Who is measured in which case, and who is there at all."""

import pytest
from bench.harness.settings import Case, Load, given
from bench.harness.systems import LIMIT, OURS, ROTEL, SDK, SENDERS, SYSTEMS, able, found

TCP = Case(name="tcp", x=0, load=Load(tcp=True))


def test_who_cannot_listen_on_tcp_is_left_out_of_its_cases() -> None:
    assert [name for name in (OURS, ROTEL, LIMIT) if able(SYSTEMS[name], TCP)] == [OURS, ROTEL]
    assert not able(SENDERS[SDK], TCP)


def test_what_opens_no_body_is_left_out_where_bodies_are_compressed() -> None:
    case = Case(name="in gzip", x=0, load=Load(encoding="gzip"))
    assert able(SYSTEMS[OURS], case)
    assert not able(SYSTEMS[LIMIT], case)


@pytest.mark.parametrize(("compression", "there"), [("gzip", True), ("zstd", False), ("none", False)])
def test_who_sends_gzip_whatever_it_is_told_is_measured_with_nothing_else(compression: str, *, there: bool) -> None:
    assert able(SYSTEMS[ROTEL], Case(name="out", x=0, settings=given(compression=compression))) is there


def test_who_cannot_be_had_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSPAN_BENCH_ROTEL", "")
    there, missing = found((OURS, ROTEL, SDK))
    assert [system.name for system, _ in there] == [OURS, SDK]
    assert len(missing) == 1 and missing[0].startswith(f"{ROTEL}: ")
