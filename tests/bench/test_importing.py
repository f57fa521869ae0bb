import subprocess

import pytest
from bench.importing import Figure, measure, report


def test_an_import_is_measured_without_what_was_imported_before() -> None:
    alone, rest = measure("", "import http.client"), measure("import http.client", "import http.client")
    assert alone.modules > 0
    assert rest.modules == 0
    assert alone.seconds > 0


def test_an_import_that_fails_is_not_a_figure() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        measure("", "import no_such_module")


def test_the_report_has_the_median_and_the_modules_of_each_way() -> None:
    runs = [Figure(0.001, 7), Figure(0.002, 7), Figure(0.009, 7)]
    [row] = [line for line in report({"one": runs}).splitlines() if line.startswith("one")]
    assert row.split() == ["one", "2.0", "ms", "1.0", "–", "9.0", "7"]
