"""What must be true of a format on any bytes at all."""

import random
import time
from typing import Any, Final

from tests.faults import mutants

from inspan_collector import translate
from inspan_collector.errors import MalformedChunk
from inspan_collector.formats import FORMATS, Format, Scan, span_json
from inspan_collector.sink import spans as sink_spans

SLOWEST: Final = 2.0  # s for one input of some KB: each takes below a millisecond, and others use the machine too


def check_formats(rng: random.Random, inputs: int) -> dict[str, int]:
    """Try so many odd bodies. Returns how many of each format were accepted. Fails with the body that broke a law."""
    accepted = dict.fromkeys(FORMATS, 0)
    for _ in range(inputs):
        name = rng.choice(list(FORMATS))
        body = mutants.odd_body(rng, name)
        began = time.monotonic()
        try:
            accepted[name] += check(FORMATS[name], body, rng)
        except Exception as error:
            raise AssertionError(f"{name}: {body!r}") from error
        assert time.monotonic() - began < SLOWEST, f"{name} took too long: {body!r}"
    return accepted


def check(form: Format, body: bytes, rng: random.Random) -> bool:
    """Whether the body was accepted. Fails where the verbs of the format do not agree on it."""
    scan = scanned(form, body)
    if isinstance(scan, MalformedChunk):
        assert 0 <= scan.position <= len(body)
        refused(form, body)
        return False
    keys = keys_of(form.name, body)
    assert len(keys) == scan.spans
    check_split(form, body, keys, rng)
    check_cull(form, body, keys, rng)
    sound = mutants.body(rng, form.name)
    joined = form.join([body, sound])
    assert keys_of(form.name, joined) == keys + keys_of(form.name, sound)
    assert form.scan(joined).spans == scan.spans + form.scan(sound).spans
    assert all(0 <= index < scan.spans for index, _ in form.faults(body))
    if form.name == "span_json":
        check_copies(body, scan.heads)
    return True


def keys_of(name: str, body: bytes) -> list[Any]:
    """What tells its spans apart. See the sink's, which knows no changes: these are in the shape of spans.

    The scan of protobuf does not look into spans, and what is in one need not be ids: there it is their bytes.
    """
    if name == "otlp_protobuf":
        return list(sink_spans.spans_of(name, body))
    return list(sink_spans.keys_of("span_json" if name == "span_patch" else name, body))


def scanned(form: Format, body: bytes) -> Scan | MalformedChunk:
    """What the format says of a body; nothing else may be raised."""
    try:
        return form.scan(body)
    except MalformedChunk as error:
        return error


def refused(form: Format, body: bytes) -> None:
    """The verbs that parse, on what the scan refuses, do well or raise the same. A join does not parse."""
    try:
        form.split(body, 3, 1000)
        form.cull(body, 100)
        form.faults(body)
    except MalformedChunk:
        return


def check_split(form: Format, body: bytes, keys: list[Any], rng: random.Random) -> None:
    """The parts hold the same spans in order, each under both limits."""
    max_spans, max_bytes = rng.randint(1, 4), rng.choice((1, 100, 400, 10_000))
    parts = form.split(body, max_spans, max_bytes)
    assert [form.scan(part).spans for part, _ in parts] == [spans for _, spans in parts]
    assert [key for part, _ in parts for key in keys_of(form.name, part)] == keys
    assert len(keys) == 0 or all(s <= max_spans and (s == 1 or len(part) <= max_bytes) for part, s in parts)


def check_cull(form: Format, body: bytes, keys: list[Any], rng: random.Random) -> None:
    """What is kept and what is culled are all."""
    rest, kept, culled = form.cull(body, rng.choice((0, 30, 100, 10_000)))
    assert kept + culled == len(keys)
    assert form.scan(rest).spans == kept
    left = iter(keys)
    assert all(key in left for key in keys_of(form.name, rest)), "in another order"


def check_copies(body: bytes, heads: Any) -> None:
    """What is read of a body of copies: by key, those that ended, and as OTLP."""
    opened, ended, _ = span_json.copies(body, heads)
    assert opened.keys() | ended.keys() == set(span_json.keys_of(heads)) and not opened.keys() & ended.keys()
    array, count, _ = span_json.ended(body, heads)
    assert span_json.scan(array).unended == 0 and count == len(ended)
    assert span_json.read(b'{"items":' + body + b"}", "items")[1].spans == len(heads)
    faults = {index for index, _ in translate.faults(body)}
    for spans in translate.slices(body) if not faults else ():
        assert FORMATS["otlp_protobuf"].scan(translate.request(spans)).spans == len(spans)
