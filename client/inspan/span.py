"""A span as agents see it, and which one is current."""

import os
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

MAX_MESSAGE: Final = 10_000  # characters; some libraries put whole requests into their messages

Status = Literal["SUCCESS", "ERROR", "CANCELED"]


class Span(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One operation of an agent, in the shape that SGP reads and that the sidecar translates to OTLP.

    id: 16 hexadecimal digits, trace_id: 32, as OpenTelemetry has them; texts of your own work as well. start_timestamp,
    end_timestamp: in UTC; no end while it runs. input, output: objects. metadata: anything else worth knowing. type:
    SGP's, such as COMPLETION or KB_RETRIEVAL.
    Source: SGP's SpanCreateParam.
    """

    name: str
    id: str
    trace_id: str
    parent_id: str | None = None
    start_timestamp: datetime
    end_timestamp: datetime | None = None
    type: str | None = None
    status: Status | None = None
    input: Any = None
    output: Any = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)

    def fail(self, error: BaseException) -> None:
        """Say that it failed: status ERROR, with the error's type and message, and where it was raised."""
        self.status = "ERROR"
        known: Any = self.metadata  # the agent's
        self.metadata = {**(known if isinstance(known, dict) else {"value": known}), "error": True, **told(error)}


CURRENT: Final[ContextVar[Span | None]] = ContextVar("inspan_span", default=None)


def current() -> Span | None:
    """The span that runs here: of this thread, task or generator."""
    return CURRENT.get()


def new_trace() -> str:
    """A trace id that nobody else makes, not in a forked process either."""
    return os.urandom(16).hex()


def new_id() -> str:
    """The id of a span."""
    return os.urandom(8).hex()


def told(error: BaseException) -> dict[str, str]:
    """error_type, error_message, error_where (file, line, function) of an exception, as SGP's own client names them."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001  an error that cannot be printed is still an error
        message = "<it cannot be printed>"
    said = {"error_type": type(error).__qualname__, "error_message": message[:MAX_MESSAGE]}
    step = error.__traceback__
    if step is not None:
        while step.tb_next is not None:
            step = step.tb_next
        code = step.tb_frame.f_code
        said["error_where"] = f"{code.co_filename}:{step.tb_lineno} in {code.co_qualname}"
    return said
