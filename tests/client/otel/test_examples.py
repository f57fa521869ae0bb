"""What the examples show runs, beside a real sidecar, and an upstream that keeps what it gets."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.client.otel.scripted import Scripted
from tests.e2e.process import found
from tests.sidecar import Sidecar

EXAMPLES: Final = Path(__file__).parents[3] / "docs/examples"
ZERO_CODE: Final = {
    "OTEL_SERVICE_NAME": "shop",
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER": "inspan",
}


def instrumented() -> list[str]:
    """The command that gives a program OpenTelemetry from outside."""
    program = found("INSPAN_TEST_INSTRUMENT", "opentelemetry-instrument")
    assert program, "opentelemetry-instrument is not installed: the group dev has it"
    return [sys.executable, program, sys.executable]


def run(argv: Sequence[str], name: str, socket: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "INSPAN_SOCKET": str(socket), **environ}
    return subprocess.run(
        [*argv, str(EXAMPLES / name)], env=environ, check=True, capture_output=True, text=True, timeout=60
    )


def delivered(
    argv: Sequence[str], name: str, environ: Mapping[str, str] = {}
) -> tuple[list[ExportTraceServiceRequest], dict[str, Any], str]:
    """(what the upstream got, the sidecar's closing ledger, what the example printed)."""
    with Scripted(None) as upstream:
        destination = {"name": "up", "kind": "otlp", "url": upstream.url, "compression": "none"}
        with Sidecar({"destinations": [destination], "spool": None}) as sidecar:
            done = run(argv, name, sidecar.socket, environ)
            assert done.stderr == ""
            ledger = sidecar.stop()
    return [ExportTraceServiceRequest.FromString(body) for body in upstream.taken.values()], ledger, done.stdout


@pytest.mark.parametrize("name", ["otel_processor.py", "otel_exporter.py", "zero_code.py"])
def test_every_example_delivers_its_two_spans_and_none_of_ours(name: str) -> None:
    if name == "zero_code.py":
        (request,), ledger, _ = delivered(instrumented(), name, ZERO_CODE)
    else:
        (request,), ledger, said = delivered([sys.executable, "-W", "error"], name)
        assert said == "" or said.startswith("True Stats(recorded=2, accepted=2,")
    (resource,) = request.resource_spans
    assert ("service.name", "shop") in {(each.key, each.value.string_value) for each in resource.resource.attributes}
    (scope,) = resource.scope_spans
    assert (scope.scope.name, scope.scope.version) == ("shop.agent", "1.0")
    call, turn = scope.spans
    assert (call.name, turn.name) == ("llm.chat", "agent.turn")
    assert (call.parent_span_id, call.trace_id) == (turn.span_id, turn.trace_id)
    assert [(each.key, each.value.int_value) for each in call.attributes] == [("gen_ai.usage.output_tokens", 3)]
    assert ledger["dialects"]["otlp"] == {"received": 2, "accepted": 2, "refused": {}}
    assert ledger["imbalance"] == 0


def test_what_the_page_exports_is_enough_for_a_program_without_code() -> None:
    page = (EXAMPLES.parent / "client.md").read_text()
    (block,) = [each for each in page.split("```") if "CREDENTIAL_PROVIDER" in each]
    environ = dict(re.findall(r"(OTEL_\w+)=(\S+)", block))
    _, ledger, _ = delivered(instrumented(), "zero_code.py", environ)
    assert ledger["dialects"]["otlp"]["accepted"] == 2


@pytest.mark.parametrize("name", ["otel_processor.py", "otel_exporter.py", "zero_code.py"])
def test_an_example_is_short_and_the_one_without_code_does_not_name_us_in_it(name: str) -> None:
    text = (EXAMPLES / name).read_text()
    assert len(text.splitlines()) < 30
    assert ("import inspan" in text or "from inspan" in text) == (name != "zero_code.py")


def test_a_program_without_a_sidecar_ends_well_and_its_log_says_what_was_lost(tmp_path: Path) -> None:
    done = run(instrumented(), "zero_code.py", tmp_path / "inspan.sock", ZERO_CODE)
    assert "2 spans were dropped as exit" in done.stderr
    assert "Traceback" not in done.stderr
