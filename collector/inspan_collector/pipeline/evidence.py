"""What a destination has answered, and whether that is enough to blame the spans. Pure.

A verdict needs a witness: spans are condemned only by what the same upstream did with others in the same time.
"""

from typing import Final

import msgspec

SUSPECT: Final = 0.12  # chance of so many failures in a row by bad luck, below which a batch is cut in two. Below 1/2
#                        cutting can never outgrow the failures, so an overloaded upstream is not sent ever more pieces
CONDEMN: Final = 1e-9  # the same for a span that stands alone and failed each time, without ever being refused
PRIOR: Final = 0.2  # failures assumed beside those seen: two failures beside one success are suspicious
DOUBT: Final = 1.0  # the same where a span is to be condemned: a few witnesses may all have been lucky (Laplace's rule)
GOODWILL: Final = 0.8  # successes assumed beside those seen
# Another format whose deliveries are witnesses too. Changes of spans are rare: else a single bad one would seem to show
# that everything is refused, and all would wait for it.
KIN: Final = {"span_patch": "span_json"}
STALE: Final = 64  # refusals in a row after which earlier witnesses say nothing: the upstream has changed its mind


class Tally:
    """What the attempts of one destination came to.

    refusals: in a row, since the last success.
    """

    __slots__ = ("by_format", "failures", "refusals", "successes")

    def __init__(self) -> None:
        self.successes = 0
        self.failures = 0
        self.refusals = 0
        self.by_format: dict[str, int] = {}

    def succeeded(self, format: str) -> None:
        """A batch of this format was delivered."""
        self.successes += 1
        self.refusals = 0
        self.by_format[format] = self.by_format.get(format, 0) + 1

    def witnesses(self, format: str) -> int:
        """Deliveries that show that spans of this format are taken."""
        return self.by_format.get(format, 0) + self.by_format.get(KIN.get(format, ""), 0)

    def failed(self, *, refused: bool) -> None:
        """An attempt did not deliver. refused: the upstream blamed the request."""
        self.failures += 1
        self.refusals += refused


class Mark(msgspec.Struct, frozen=True):
    """The tally at the moment when something went wrong."""

    successes: int
    failures: int
    of_format: int
    format: str

    @classmethod
    def of(cls, tally: Tally, format: str) -> "Mark":
        """The tally as it stands."""
        return cls(tally.successes, tally.failures, tally.witnesses(format), format)

    def witnessed(self, tally: Tally) -> bool:
        """Whether something of the same format has been delivered since, and not too long ago."""
        return tally.witnesses(self.format) > self.of_format and tally.refusals < STALE

    def luck(self, tally: Tally, own: int, run: int, prior: float) -> float:
        """The chance that `run` failures in a row are bad luck, by how the other attempts since the mark fared.

        own: failures since the mark that are those of the suspects, not of the witnesses. prior: failures assumed
        beside those of the witnesses. 1.0 without a success.
        """
        successes = tally.successes - self.successes
        if successes == 0:
            return 1.0
        failures = max(0, tally.failures - self.failures - own)
        rate: float = (failures + prior) / (successes + failures + prior + GOODWILL)
        return rate**run


class Suspicion:
    """Whether the failures of one delivery are bad luck, or its spans' doing."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.mark: Mark | None = None  # where the tally stood when the first attempt failed
        self.own = 0  # failures since
        self.fresh = 0  # failures since a piece was last delivered or cut

    def failed(self, format: str, *, refused: bool) -> None:
        """One more attempt of this delivery failed."""
        if self.mark is None:
            self.mark = Mark.of(self.tally, format)
        self.tally.failed(refused=refused)
        self.own += 1
        self.fresh += 1

    def relieved(self) -> None:
        """A piece was delivered, or cut: the next ones are judged by how they fare themselves."""
        self.fresh = 0

    def cut(self, failures: int) -> bool:
        """A batch that failed twice while others succeeded is cut in two, and a piece of it likewise."""
        return failures >= 2 and self._luck(self.own, self.fresh, PRIOR) < SUSPECT

    def condemn(self, failures: int) -> bool:
        """A span that stands alone and failed so often while others succeeded."""
        # Of this delivery's failures only those with the span in them are set aside. Its other pieces are witnesses
        # where they succeed, so they are where they fail: else a poor upstream looks good, and innocents are condemned.
        return self._luck(failures, failures, DOUBT) < CONDEMN

    def _luck(self, own: int, run: int, prior: float) -> float:
        return 1.0 if self.mark is None else self.mark.luck(self.tally, own, run, prior)
