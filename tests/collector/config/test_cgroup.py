from pathlib import Path

import pytest

from inspan_collector.config.cgroup import memory_limit, read_cgroup_limit
from inspan_collector.config.load import load

MIB = 1024**2


def test_auto_is_two_fifths_of_the_cgroups_limit() -> None:
    assert memory_limit(load(None, "", {}), 100 * MIB) == 40 * MIB


def test_auto_without_a_limit_is_256_mib() -> None:
    assert memory_limit(load(None, "", {}), None) == 256 * MIB


def test_what_is_configured_wins() -> None:
    assert memory_limit(load("memory: {max_bytes: 10MiB}", "x", {}), 100 * MIB) == 10 * MIB


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_both_versions_of_cgroups_are_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("104857600\n")
    assert read_cgroup_limit(tmp_path) == 100 * MIB


@pytest.mark.parametrize(
    ("name", "text"),
    [("memory.max", "max\n"), ("memory/memory.limit_in_bytes", "9223372036854771712\n"), ("memory.max", "0\n")],
)
def test_no_limit_is_none(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert read_cgroup_limit(tmp_path) is None


def test_a_machine_without_cgroups_has_no_limit(tmp_path: Path) -> None:
    assert read_cgroup_limit(tmp_path) is None
