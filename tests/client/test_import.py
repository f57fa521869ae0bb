"""`import inspan` costs an agent that traces nothing next to nothing: it loads no loop, no HTTP, no TLS, no SDK."""

import json
import subprocess
import sys
from typing import Final

import pytest

# Each by its reason: what it costs to load, or whose it is. By list and not by time, which is `bench`'s business.
HEAVY: Final = {
    "asyncio", "concurrent", "multiprocessing", "ssl",  # the client has a thread, and is bound to no loop
    "email", "http", "urllib.request", "xml", "xmlrpc",  # its HTTP is its own: http.client alone is 20 ms
    "logging", "tempfile", "unittest", "argparse", "pydoc",
}  # fmt: skip
FOREIGN: Final = {
    "agentex", "aiohttp", "google", "grpc", "httpx", "inspan_collector", "isal", "opentelemetry", "prometheus_client",
    "pydantic", "requests", "scale_gp_beta", "urllib3", "uvloop", "yaml",
}  # fmt: skip


def loaded(code: str) -> set[str]:
    """The modules that a fresh interpreter has after the code, beyond those it starts with and those of msgspec."""
    told = f"import sys, msgspec\nbefore = set(sys.modules)\n{code}\nimport json\n"
    told += "print(json.dumps(sorted(set(sys.modules) - before)))"
    run = [sys.executable, "-I", "-c", told]
    found: list[str] = json.loads(subprocess.run(run, check=True, capture_output=True, timeout=60).stdout)
    return set(found)


def within(names: set[str], listed: set[str]) -> set[str]:
    """Those of the names that are listed, or lie in a package that is."""
    return {name for name in names if any(name == each or name.startswith(f"{each}.") for each in listed)}


def test_importing_the_client_loads_no_loop_and_no_http_of_the_standard_library() -> None:
    assert within(loaded("import inspan"), HEAVY) == set()


def test_importing_the_client_loads_no_way_in_that_is_an_extra() -> None:
    names = loaded("import inspan")
    assert within(names, FOREIGN) == set()
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | {"inspan"}


@pytest.mark.parametrize("code", ["import http.client", "import httpx"])
def test_what_is_looked_for_would_be_seen(code: str) -> None:
    assert within(loaded(f"import inspan\n{code}"), HEAVY | FOREIGN)


@pytest.mark.parametrize(("way_in", "needs", "extra"), [("otel", "opentelemetry", "otel"), ("sgp", "httpx", "sgp")])
def test_a_way_in_without_its_extra_says_what_to_install(way_in: str, needs: str, extra: str) -> None:
    program = f"import sys; sys.modules[{needs!r}] = None; import inspan.{way_in}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"pip install 'inspan[{extra}]'" in done.stderr.splitlines()[-1]
