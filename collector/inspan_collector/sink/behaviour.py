"""How a sink misbehaves, as words that a flag, a JSON body and a test all use."""

import re
from typing import Literal

import msgspec

from inspan_collector.config.values import Seconds
from inspan_collector.sink.chances import Chances


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong at a sink. The defaults do no harm; `{}` heals.

    Where several fall on one request: hang, then reset, then garbage, then status, then chance.

    delay: before each answer, "50ms", or "10ms-80ms" for an even spread.
    status: HTTP status answered instead of the true one; to each request, or to each `every`th.
    reset_every: each Nth answer breaks off half way, and the connection is reset. Its spans are not counted.
    hang_every: each Nth request is never answered.
    garbage_every: each Nth request is taken and counted, and answered 200 with a body that is nonsense.
    max_bytes: bodies over it, inflated, are answered 413.
    reject_span: a regular expression; a request in which the bytes of any span contain it is answered `reject_status`.
    reject_status: an HTTP status, or "reset" to reset the connection instead.
    retry_after: goes with each answer of 400 or more: "2", a date or nonsense as `Retry-After`, "250ms" as
        `retry-after-ms`.
    partial: so many spans of each OTLP request are rejected by `partial_success`, the first ones.
    close_idle: a kept-alive connection is closed when it has been idle for so long, "200ms".
    chance: what happens to any request, and how often: "503=0.1,reset=0.05" with any status from 300 to 599, and
        reset, hang, garbage: as above, of one request.
        swallow: it is taken and counted, and the connection is reset before a byte of the answer.
        drip: it is taken and counted, and the answer comes a few bytes at a time.
        leave: it is answered, and the connection is closed without a word about it.
    seed: of the random delays, and of the chances.
    """

    delay: str | None = None
    status: int | None = None
    every: int | None = None
    reset_every: int | None = None
    hang_every: int | None = None
    garbage_every: int | None = None
    max_bytes: int | None = None
    reject_span: str | None = None
    reject_status: int | Literal["reset"] = 400
    retry_after: str | None = None
    partial: int | None = None
    close_idle: str | None = None
    chance: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be acted on.

        Errors: ValueError, which names the field; msgspec turns it into its ValidationError.
        """
        for field in ("every", "reset_every", "hang_every", "garbage_every", "max_bytes", "partial"):
            number = getattr(self, field)
            if number is not None and number < 1:
                raise ValueError(f"{field}: must be at least 1, not {number}")
        if self.every is not None and self.status is None:
            raise ValueError("every: says how often `status` is answered, and there is no status")
        for field in ("status", "reject_status"):
            status = getattr(self, field)
            if isinstance(status, int) and not 300 <= status <= 599:  # 2xx would say that spans were taken
                raise ValueError(f"{field}: {status} refuses nothing; 300 to 599 do")
        if self.retry_after is not None and not self.retry_after.isprintable():
            raise ValueError("retry_after: a header has no line breaks and no control characters")
        self._read_texts()

    def _read_texts(self) -> None:
        try:
            delays(self.delay)
        except ValueError as why:
            raise ValueError(f"delay: {why}") from None
        try:
            idle(self.close_idle)
        except ValueError as why:
            raise ValueError(f"close_idle: {why}") from None
        try:
            chances(self.chance)
        except ValueError as why:
            raise ValueError(f"chance: {why}") from None
        try:
            pattern(self.reject_span)
        except re.error as why:
            raise ValueError(f"reject_span: {self.reject_span!r} is not a regular expression: {why}") from None


def delays(text: str | None) -> tuple[float, float] | None:
    """The least and the greatest delay in seconds; ValueError where the text is neither a time nor two."""
    if text is None:
        return None
    low, dash, high = text.partition("-")
    bounds = (float(Seconds(low)), float(Seconds(high if dash else low)))
    if bounds[0] > bounds[1]:
        raise ValueError(f"{text!r} goes backwards; write the shorter time first")
    return bounds


def idle(text: str | None) -> float | None:
    """Seconds that a connection may be idle, None for ever."""
    return None if text is None else float(Seconds(text))


def chances(text: str | None) -> Chances | None:
    """What `chance` says, None where it says nothing."""
    return None if text is None else Chances(text)


def pattern(text: str | None) -> re.Pattern[bytes] | None:
    """What `reject_span` looks for in the bytes of a span."""
    return None if text is None else re.compile(text.encode())
