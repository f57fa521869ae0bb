"""What an answer of the sidecar means for the spans of a post."""

from collections.abc import Mapping
from typing import Final

import msgspec

LONGEST_REST: Final = 30.0  # s; a sidecar that asks for more is asked again before its spans are forgotten
_OF_SPANS: Final = frozenset({400, 413, 422})  # the spans are at fault, one of them perhaps: RFC 9110 section 15.5
_NOT_FOR_US: Final = frozenset({401, 403, 404, 405, 415, 501})  # nothing of ours is taken there: somebody has to act


class Answer(msgspec.Struct, frozen=True, gc=False):
    """An HTTP answer. headers: names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Taken(msgspec.Struct, frozen=True):
    """The sidecar has the spans."""


class Refused(msgspec.Struct, frozen=True):
    """These spans will never be taken as they are."""

    why: str


class Later(msgspec.Struct, frozen=True):
    """Not now. rest: seconds that the sidecar asks for, None where it does not say. unwelcome: waiting alone will not
    help, somebody has to change the sidecar or its agents."""

    rest: float | None
    why: str
    unwelcome: bool = False


Verdict = Taken | Refused | Later


def verdict(answer: Answer) -> Verdict:
    """What becomes of the spans. Only what is surely about themselves refuses them: all else is tried again."""
    status = answer.status
    if 200 <= status < 300:
        return Taken()
    why = f"{status}: {answer.body[:500].decode(errors='replace')}"
    if status in _OF_SPANS:
        return Refused(why)
    return Later(_rest(answer.headers), why, unwelcome=status in _NOT_FOR_US)


def _rest(headers: Mapping[str, str]) -> float | None:
    """Seconds, of `retry-after-ms` and `retry-after` (RFC 9110 section 10.2.3, of which we read the number alone)."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            rest = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if rest >= 0:  # which NaN is not
            return min(rest, LONGEST_REST)
    return None
