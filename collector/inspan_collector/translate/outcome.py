"""How a span ended: OTLP's status, and the class of an error.

Source: trace.proto, Status; OpenTelemetry's general/recording-errors.md and registry, `error.type`; for what was
canceled, http/http-spans.md: "SHOULD NOT be treated as an error: the span status SHOULD be left unset".
"""

from typing import Final, NamedTuple

from msgspec import Raw, Struct
from msgspec.json import Decoder

from inspan_collector.translate.attributes import string
from inspan_collector.translate.lifted import lifted, message
from inspan_collector.translate.members import ABSENT, read

UNSET: Final = 0  # Status.StatusCode in trace.proto
OK: Final = 1
ERROR: Final = 2

_NO_TYPE: Final = b"_OTHER"  # the registry's word for an error of no known class


class Error(Struct, gc=False):
    """AgentEx's `__error__`."""

    type: Raw = ABSENT
    message: Raw = ABSENT


class Outcome(NamedTuple):
    """code: OTLP's. message: of an error, empty otherwise."""

    code: int
    message: bytes
    attributes: list[bytes]


_error: Final = Decoder(Error)
_UNSAID: Final = Outcome(UNSET, b"", [])
_SUCCESS: Final = Outcome(OK, b"", [])


def outcome(status: str | None, error_type: Raw, error_message: Raw, error: Raw) -> Outcome:
    """The outcome of a span with this status. The last three: from its metadata."""
    said = None if status is None else status.upper()
    detail = read(_error, error)
    if said == "ERROR" or (said is None and detail is not None):
        return _failed(error_type, error_message, detail or Error())
    if said == "SUCCESS":
        return _SUCCESS
    if status is None:
        return _UNSAID
    return Outcome(UNSET, b"", [string("inspan.status", status.encode())])  # canceled, or a word that we do not know


def _failed(error_type: Raw, error_message: Raw, detail: Error) -> Outcome:
    words = message(error_message) or message(detail.message) or b""
    return Outcome(ERROR, words, [string("error.type", lifted(error_type) or lifted(detail.type) or _NO_TYPE)])
