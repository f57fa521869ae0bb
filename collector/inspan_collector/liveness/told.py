"""What agents tell of themselves, out of bytes: bounded, and in whole numbers. Pure: bytes in, Structs out."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct, field

from inspan_collector.errors import InspanError

MAX_BODY: Final = 16 << 10  # bytes; a beat has 200, and 64 reasons of 64 characters fit still
MAX_REASONS: Final = 64
MAX_REASON: Final = 64  # characters
MOST: Final = 2**53 - 1  # the largest that every reader of JSON has exactly (RFC 8259, 6), and a metric's float too
MAX_PID: Final = 2**31 - 1  # pid_t

Count = Annotated[int, Meta(ge=0, le=MOST)]
Dropped = Annotated[dict[Annotated[str, Meta(max_length=MAX_REASON)], Count], Meta(max_length=MAX_REASONS)]
# As `Inspan-Agent` can carry it: 1 to 128 printable characters, without space around, which HTTP takes off.
Id = Annotated[str, Meta(max_length=128, pattern=r"^[!-~]([ -~]*[!-~])?\Z")]


class MalformedTelling(InspanError):
    """A body of which we cannot know what it tells. The message says what was expected where."""


class Reported(Struct, frozen=True):
    """What sidecars of before have counted for this agent: spans. accepted: those that they took."""

    recorded: Count = 0
    accepted: Count = 0
    dropped: Dropped = field(default_factory=dict)


class Registration(Struct, frozen=True):
    """An agent's first words. service: foreign text, None where it has no name."""

    registration_id: Id
    service: str | None = None
    pid: Annotated[int, Meta(ge=0, le=MAX_PID)] = 0
    reported: Reported = field(default_factory=Reported)


class Report(Struct, frozen=True):
    """What an agent counts, in spans. recorded, dropped: totals of its life. queued: what it holds now."""

    recorded: Count = 0
    queued: Count = 0
    dropped: Dropped = field(default_factory=dict)


_registration: Final = msgspec.json.Decoder(Registration)
_report: Final = msgspec.json.Decoder(Report)


def read_registration(body: bytes) -> Registration:
    """Errors: MalformedTelling. Members that we do not know are passed over."""
    try:
        return _registration.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedTelling(str(error)) from None


def read_report(body: bytes) -> Report:
    """Errors: MalformedTelling. Members that we do not know are passed over."""
    try:
        return _report.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedTelling(str(error)) from None
