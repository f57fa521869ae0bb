"""Times as OTLP has them: nanoseconds since 1970 in 64 bits. No float and no datetime touches the fraction."""

import re
from datetime import date
from typing import Final

_EPOCH: Final = date(1970, 1, 1).toordinal()
_MOST: Final = 1 << 64  # ns; fixed64 in trace.proto, so 1970 to 2554
_DIGITS: Final = 9  # of a second that a nanosecond has

# RFC 3339, section 5.6, and what its readers take besides: a space for T, an offset without a colon, or none at all
_time: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3])(?::?([0-5]\d))?)?",
    re.ASCII,
)


def nanoseconds(text: str) -> int | None:
    """Nanoseconds since 1970; None where the text is no time, or none that OTLP can say.

    Without an offset it is UTC. Digits beyond the nanosecond are cut.
    """
    found = _time.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:  # the 30th of February
        return None
    seconds = days * 86_400 + int(hour) * 3600 + int(minute) * 60 + int(second)
    if sign is not None:
        offset = int(hours) * 3600 + int(minutes or 0) * 60
        seconds += offset if sign == "-" else -offset
    total = seconds * 10**_DIGITS + int((fraction or "0")[:_DIGITS].ljust(_DIGITS, "0"))
    return total if 0 <= total < _MOST else None
