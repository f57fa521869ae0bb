"""Errors that name the decision they ask for. Foreign errors stop at the door and become one of these."""

from typing import Final

UNSENT: Final = 0  # a status: the verdict is ours, and no upstream was asked


class InspanError(Exception):
    """What we raise on purpose. The message says what is wrong and what to do."""


class ConfigError(InspanError):
    """The configuration cannot be used. The message names the file or variable, and the key."""


class StartError(InspanError):
    """The sidecar cannot start here: a live socket, a path too long, an address in use."""


class Unwritten(InspanError):
    """Standard output takes no more. The message says why. A reader that has gone is BrokenPipeError, as everywhere."""


class MalformedChunk(InspanError):
    """A body that is not what its content type says.

    position: offset in bytes of the first byte that cannot be understood.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at byte {position})")
        self.position = position


class NotTraces(MalformedChunk):
    """A well-formed OTLP body of metrics or logs: posted to the wrong path."""


class Untranslatable(InspanError):
    """A span that OTLP has no way to hold. The message names the member, what is expected of it, and what was found."""


class TooLarge(InspanError):
    """A body, or what it inflates to, is over its limit."""


class UnsupportedEncoding(InspanError):
    """A content-encoding that we do not inflate. The message lists what works."""


class Later(InspanError):
    """The upstream cannot take this now; nothing is wrong with the spans.

    words: the upstream's own, which may quote a span: for logs and quarantine, never for the admin address.
    retry_after: seconds that the upstream asked for, None when it did not say. sent: False where there was not even a
    connection.
    """

    sent = True

    def __init__(self, reason: str, words: str = "", retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.words = words
        self.retry_after = retry_after


class Isolate(InspanError):
    """Something in this batch is refused. status: of the upstream's answer, UNSENT without one; words: see Later."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(str(status))
        self.status = status
        self.words = words


class Pause(InspanError):
    """The configuration is wrong, not the spans: keep everything and say so. words, sent: see Later."""

    sent = True

    def __init__(self, reason: str, words: str = "") -> None:
        super().__init__(reason)
        self.words = words
