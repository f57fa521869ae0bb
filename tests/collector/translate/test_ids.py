"""Ids in OTLP: the same for ever, on every machine."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspan_collector.translate.ids import span_id, trace_id

UUID = "5b8efff7-9803-4103-a269-b633813fc60c"

# Backends hold what these say: a change here tears every trace in two that is being written while it is rolled out.
TRACES = {
    "5b8efff798034103a269b633813fc60c": "5b8efff798034103a269b633813fc60c",
    "5B8EFFF798034103A269B633813FC60C": "5b8efff798034103a269b633813fc60c",
    UUID: "5b8efff798034103a269b633813fc60c",
    UUID.upper(): "5b8efff798034103a269b633813fc60c",
    UUID[:-1]: "0549d8157edcd1daaaff3245a31e969a",
    "5b8efff7-98034103-a269-b633813fc60c": "d6e91af0df457d541d3de64ce1e51226",
    "task-1": "9814e266e6055b15c6f9e46d0b72742f",
    "0" * 32: "89ba0e6797deef83e988be31c85d429d",  # all zero is no id in OTLP
    "00000000-0000-0000-0000-000000000000": "ef1498b303dfe85c423831db095b7bbb",
    "é": "d4b1b0202b21bb84e60a3d272ecab0db",
    "\0": "7025e075d5e2f6cde3cc051a31f07660",
}
SPANS = {
    "eee19b7ec3c1b174": "eee19b7ec3c1b174",
    "EEE19B7EC3C1B174": "eee19b7ec3c1b174",
    "eee19b7ec3c1b17": "c0b200188dcc05c2",
    "s1": "89a147da21bb2954",
    UUID: "a117312741c4a539",
    "5b8efff798034103a269b633813fc60c": "cde2e259c7f76bba",
    "0" * 16: "fa4eea6fd065769b",
    "é": "cb1abf8beff3192f",
    "x" * 300: "12b539c1cad94615",
}


@pytest.mark.parametrize(("text", "digits"), TRACES.items())
def test_a_trace_id_is_this_and_stays_so(text: str, digits: str) -> None:
    assert trace_id(text).hex() == digits


@pytest.mark.parametrize(("text", "digits"), SPANS.items())
def test_a_span_id_is_this_and_stays_so(text: str, digits: str) -> None:
    assert span_id(text).hex() == digits


def test_another_process_makes_the_same_of_it() -> None:
    code = "from inspan_collector.translate.ids import *; print(trace_id('task-1').hex(), span_id('s1').hex())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert said.split() == [TRACES["task-1"], SPANS["s1"]]


@given(st.text(min_size=1))
def test_every_text_is_an_id_that_otlp_accepts(text: str) -> None:
    assert (len(trace_id(text)), len(span_id(text))) == (16, 8)
    assert any(trace_id(text)) and any(span_id(text))


@pytest.mark.parametrize("text", [" " + "a" * 15, "a" * 14 + "\n\n", "٣" * 16, "0x" + "a" * 14, "ａ" * 16])
def test_what_only_looks_hexadecimal_is_hashed(text: str) -> None:
    assert len(text) == 16
    assert span_id(text) != bytes.fromhex("a" * 16)
    assert len(span_id(text)) == 8
