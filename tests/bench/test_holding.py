from bench.holding import Holding, read


def test_what_a_sidecar_resolved_says_how_long_it_holds() -> None:
    said = {"upsert": {"hold_open": "1500ms"}, "batch": {"linger": "250ms"}}
    assert read(said) == Holding(hold_open=1.5, linger=0.25)
    assert read(said).longest == 1.75
