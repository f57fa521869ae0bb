"""A run is a line of CSV, and can be had back from it."""

from pathlib import Path

import msgspec
import pytest
from bench.harness.row import HEAD, read, write
from tests.bench.made import row


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    rows = [row(found={"spans": 10, "lost": 0, "cpu": 0.25, "encodings": "gzip"}), row(run=2, kept=False)]
    rows[0].config = '[{"spans":100},"a,\\"b"]'
    write(rows, tmp_path / "rows.csv")
    assert read(tmp_path / "rows.csv") == rows


def test_every_column_has_a_name_of_its_own() -> None:
    assert len(set(HEAD)) == len(HEAD)


def test_a_cell_that_is_no_number_is_refused(tmp_path: Path) -> None:
    write([row(found={"cpu": 0.25})], tmp_path / "rows.csv")
    text = (tmp_path / "rows.csv").read_text()
    (tmp_path / "rows.csv").write_text(text.replace(",0.25,", ",much,"))
    with pytest.raises(msgspec.ValidationError):
        read(tmp_path / "rows.csv")


def test_speed_counts_only_what_arrived() -> None:
    assert row(found={"spans": 100, "lost": 20, "cpu": 2.0}).speed == 40
    assert row(found={"spans": 100, "cpu": 0.0}).speed is None
    assert row().speed is None


def test_a_file_from_before_a_column_was_there_is_read(tmp_path: Path) -> None:
    write([row(found={"cpu": 0.25})], tmp_path / "rows.csv")
    text = (tmp_path / "rows.csv").read_text()
    assert text.count("recovered") == 1
    (tmp_path / "rows.csv").write_text(text.replace("recovered", "unknown"))
    assert read(tmp_path / "rows.csv")[0].found.recovered is None
