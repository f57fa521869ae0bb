"""One span of our JSON as one span of OTLP. docs/translate.md has the mapping as a table."""

from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw, Struct
from msgspec.json import Decoder

from inspan_collector.translate import ids
from inspan_collector.translate.attributes import string
from inspan_collector.translate.heading import Heading, heading
from inspan_collector.translate.kinds import MODEL_CALLS, Kind, kind_of
from inspan_collector.translate.lifted import lifted
from inspan_collector.translate.members import ABSENT, plain, read, text
from inspan_collector.translate.outcome import Outcome, outcome
from inspan_collector.translate.schema import CLASSES
from inspan_collector.translate.tokens import call_attributes

NAMELESS: Final = "span"
# Members that have no name elsewhere, or one that says less.
KEPT: Final = (
    "group_id",
    "task_id",
    "expected",
    "application_interaction_id",
    "application_variant_id",
    "obs_trace_id",
    "obs_span_id",
)

_JSON: Final = b"application/json"
_RESERVED: Final = {name: f"__{name}__" for name in ("agent_name", "agent_id", "agent_version", "error")}


class Metadata(Struct, gc=False, rename=_RESERVED):
    """The keys of metadata that have a name elsewhere. Source: agentex, its reserved keys and its exporter to SGP."""

    agent_name: Raw = ABSENT
    agent_id: Raw = ABSENT
    agent_version: Raw = ABSENT
    error: Raw = ABSENT
    error_type: Raw = ABSENT
    error_message: Raw = ABSENT


class Service(NamedTuple):
    """Who made a span, which OTLP says once for many."""

    name: bytes | None
    version: bytes | None


_metadata: Final = Decoder(Metadata)
_NOTHING: Final = Metadata()
_Span: Final[Any] = CLASSES["Span"]


def translate(span: Raw) -> tuple[Service, bytes]:
    """(who made it, the encoded opentelemetry.proto.trace.v1.Span). Raises Untranslatable."""
    head = heading(span)
    rest = head.rest
    asked, answered = rest.pop("input", ABSENT), rest.pop("output", ABSENT)
    # AgentEx calls it data, and its exporter to SGP sends that as metadata.
    metadata = rest.pop("metadata" if "metadata" in rest else "data", ABSENT)
    noted = read(_metadata, metadata) or _NOTHING
    named, name = _taken(rest, "type"), _taken(rest, "name")
    kind = kind_of(named)
    ended = outcome(_taken(rest, "status"), noted.error_type, noted.error_message, noted.error)
    attributes = _of_kind(named, kind)
    attributes += _json("input", asked) + _json("output", answered)
    if metadata is not ABSENT:
        attributes.append(string("metadata", bytes(metadata)))
    attributes += _of_agent(noted, kind)
    attributes += ended.attributes
    if kind.openinference in MODEL_CALLS:
        attributes += call_attributes(kind.openinference, asked, answered, metadata)
    attributes += _others(rest)
    service = Service(lifted(noted.agent_name), lifted(noted.agent_version))
    return service, _encoded(head, name or named or NAMELESS, kind, ended, attributes)


def _taken(rest: dict[str, Raw], member: str) -> str | None:
    """A member that is a text; anything else stays where it is, with what we do not know."""
    found = text(rest.get(member, ABSENT))
    if found is not None:
        del rest[member]
    return found


def _of_kind(named: str | None, kind: Kind) -> list[bytes]:
    attributes = [string("openinference.span.kind", kind.openinference.encode())]
    if kind.operation is not None:
        attributes.append(string("gen_ai.operation.name", kind.operation.encode()))
    if named is not None:
        attributes.append(string("inspan.type", named.encode()))
    return attributes


def _json(side: str, value: Raw) -> list[bytes]:
    """The JSON as it came: encoded anew, numbers and keys could change."""
    return [string(f"{side}.value", bytes(value)), string(f"{side}.mime_type", _JSON)] if value is not ABSENT else []


def _of_agent(noted: Metadata, kind: Kind) -> list[bytes]:
    name = lifted(noted.agent_name)
    found = (
        ("gen_ai.agent.name", name),
        ("gen_ai.agent.id", lifted(noted.agent_id)),
        ("gen_ai.agent.version", lifted(noted.agent_version)),
        ("agent.name", name if kind.openinference == "AGENT" else None),  # OpenInference: the agent that a span *is*
    )
    return [string(key, value) for key, value in found if value is not None]


def _others(rest: dict[str, Raw]) -> list[bytes]:
    """What OTLP has no place for. One attribute for all that we do not know: a span may have any number of them."""
    if not rest:
        return []
    attributes = []
    group = lifted(rest.get("group_id", ABSENT))
    if group is not None:
        attributes.append(string("session.id", group))
    attributes += [string(f"inspan.{member}", plain(rest.pop(member))) for member in KEPT if member in rest]
    if rest:
        attributes.append(string("inspan.other", msgspec.json.encode(rest)))
    return attributes


def _encoded(head: Heading, name: str, kind: Kind, ended: Outcome, attributes: list[bytes]) -> bytes:
    trace_id, span_id = ids.trace_id(head.trace_id), ids.span_id(head.id)
    parent_id = ids.span_id(head.parent_id) if head.parent_id else b""
    originals = (("trace_id", head.trace_id, trace_id), ("span_id", head.id, span_id))
    for key, original, used in (*originals, ("parent_id", head.parent_id, parent_id)):
        if original != used.hex():
            attributes.append(string(f"inspan.{key}", original.encode()))
    span = _Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_id,
        name=name.encode(),
        kind=kind.span,
        start_time_unix_nano=head.start,
        end_time_unix_nano=head.end,
        attributes=attributes,
    )
    if ended.code or ended.message:
        span.status.code, span.status.message = ended.code, ended.message
    encoded: bytes = span.SerializeToString()
    return encoded
