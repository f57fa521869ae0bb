"""The page comes from the rows and from nothing else."""

from pathlib import Path

from bench.harness.row import write
from tests.bench.made import row

from bench.pages import results
from bench.scenarios import SCENARIOS

RELAY = SCENARIOS["relay"].cases[2].name


def test_the_same_rows_make_the_same_page_with_its_charts(tmp_path: Path) -> None:
    found = {"spans": 700, "cpu": 1.0, "lost": 0, "requests": 7, "encodings": "gzip", "load_wall": 1.0}
    rows = [row(found=found, case=RELAY, run=number) for number in range(5)]
    write(rows, tmp_path / "relay.csv")
    pages = []
    for _ in range(2):
        assert results.main(["--results", str(tmp_path), "--into", str(tmp_path)]) == 0
        pages.append((tmp_path / "RESULTS.md").read_text())
    assert pages[0] == pages[1]
    assert f"| {RELAY} | 700 (700 to 700) |" in pages[0]
    assert f"| {RELAY} | inspan | gzip | 100 |" in pages[0]
    assert (tmp_path / "charts" / "relay.svg").exists()


def test_no_rows_are_no_results(tmp_path: Path) -> None:
    assert results.main(["--results", str(tmp_path), "--into", str(tmp_path)]) == 1
