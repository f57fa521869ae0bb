"""Logs: one JSON line an event, on standard error."""

import logging
import sys
from datetime import UTC, datetime

import msgspec

FIELDS = (
    *("kind", "destination", "spans", "words", "repeated", "repeated_spans"),
    *("socket", "admin", "seconds", "ledger"),
)


class JsonLines(logging.Formatter):
    """What collectors of logs read without being told."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        line |= {field: value for field in FIELDS if (value := getattr(record, field, None)) not in (None, "")}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def log_to_stderr() -> None:
    """Send the logs of inspan, and the warnings of what it is built with, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("inspan").setLevel(logging.INFO)
