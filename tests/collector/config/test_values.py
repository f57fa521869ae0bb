import random
from pathlib import Path

import pytest

from inspan_collector.config.values import Address, Budget, Percent, Seconds, Size, decode


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("64MiB", 64 * 1024**2),
        ("4MB", 4_000_000),
        ("1kB", 1000),
        ("2 GiB", 2 * 1024**3),
        ("1.5KiB", 1536),
        ("64Mi", 64 * 1024**2),
        ("100", 100),
        ("7B", 7),
        (1024, 1024),
    ],
)
def test_a_size_is_a_number_of_bytes_or_text_with_a_unit(written: str | int, size: int) -> None:
    assert Size(written) == size


@pytest.mark.parametrize("written", ["", "MiB", "64 XiB", "-1", "0", 0, -5, "1e6", True, 1.5, None, "64MiB extra"])
def test_what_is_no_size_is_refused_with_an_example(written: object) -> None:
    with pytest.raises(ValueError, match="expected a size such as 64MiB"):
        Size(written)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("100ms", 0.1),
        ("2s", 2.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("250us", 0.00025),
        ("1.5", 1.5),
        (3, 3.0),
        ("0s", 0.0),
    ],
)
def test_a_time_is_a_number_of_seconds_or_text_with_a_unit(written: str | float, seconds: float) -> None:
    assert Seconds(written) == seconds


@pytest.mark.parametrize("written", ["", "ms", "5 days", "-1s", -1, float("inf"), float("nan"), True, None, "1e999"])
def test_what_is_no_time_is_refused_with_an_example(written: object) -> None:
    with pytest.raises(ValueError, match="expected a time such as 100ms"):
        Seconds(written)  # type: ignore[arg-type]


def test_sizes_and_times_are_shown_in_the_largest_unit_that_is_exact() -> None:
    assert [Size(text).shown for text in ("65536KiB", "1025", "1GiB", "1000000")] == [
        "64MiB",
        "1025",
        "1GiB",
        "1000000",
    ]
    assert [Seconds(t).shown for t in (0.1, 0.5, 90, 1.5, 7200, 0)] == ["100ms", "500ms", "90s", "1500ms", "2h", "0s"]


def test_what_is_shown_reads_back_as_the_same_value() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(2000):
        size, seconds = (
            Size(rng.randrange(1, 1 << rng.randrange(1, 50))),
            Seconds(rng.random() * 10 ** rng.randrange(-3, 5)),
        )
        assert Size(size.shown) == size
        assert Seconds(seconds.shown) == pytest.approx(seconds, abs=1e-15)


@pytest.mark.parametrize(
    ("written", "part"), [("25%", 0.25), ("100%", 1.0), ("12.5 %", 0.125), (" 0.1%", 0.001), (0.25, 0.25)]
)
def test_a_percentage_is_a_part_of_a_whole(written: str | float, part: float) -> None:
    assert Percent(written) == pytest.approx(part)


@pytest.mark.parametrize(
    "written", ["", "%", "25", "0%", "101%", "-5%", "a%", "1e1%", "5%%", 0, 1, 25, 0.0, 1.5, True, None, float("nan")]
)
def test_what_is_no_percentage_is_refused_with_an_example(written: object) -> None:
    with pytest.raises(ValueError, match="expected a percentage such as 25%, over 0% and at most 100%"):
        Percent(written)  # type: ignore[arg-type]


def test_percentages_are_shown_as_they_are_written() -> None:
    for tenths in range(1, 1001):
        written = f"{tenths / 10:g}%"
        assert Percent(written).shown == written


def test_a_budget_is_a_size_or_auto() -> None:
    assert Budget().auto and Budget("auto").shown == "auto"
    assert not Budget("8MiB").auto and Budget("8MiB").shown == "8MiB"
    with pytest.raises(ValueError, match="expected a size"):
        Budget("automatic")


def test_an_address_has_a_host_and_a_port() -> None:
    assert (Address("127.0.0.1:4318").host, Address("127.0.0.1:4318").port) == ("127.0.0.1", 4318)
    assert (Address("[::1]:0").host, Address("[::1]:0").port) == ("::1", 0)


@pytest.mark.parametrize(
    "written", ["4318", ":4318", "host", "host:", "host:70000", "host:-1", "::1:4318", "[]:1", 4318]
)
def test_what_is_no_address_is_refused_with_an_example(written: object) -> None:
    with pytest.raises(ValueError, match="expected host:port such as 127"):
        Address(written)  # type: ignore[arg-type]


def test_a_path_is_text_and_not_empty() -> None:
    assert decode(Path, "/run/x") == Path("/run/x")
    for wrong in ("", 5, "a\0b"):
        with pytest.raises(ValueError, match="expected a path"):
            decode(Path, wrong)
