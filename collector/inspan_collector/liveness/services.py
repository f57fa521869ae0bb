"""What is counted by the name of a service, which is foreign text: few names, short ones, readable ones."""

from typing import Final

from inspan.wire import DROPPED, NEVER_ARRIVED

MAX_SERVICES: Final = 64  # series live as long as the process: a name with a pid in it must not fill a Prometheus
MAX_SERVICE: Final = 64  # characters; a Kubernetes name has 63
UNKNOWN: Final = "unknown"
REST: Final = "_other"  # all services after the first MAX_SERVICES
OTHER: Final = "other"  # all reasons that we do not know
REASONS: Final = (*DROPPED, NEVER_ARRIVED, OTHER)


class Totals:
    """Of one service, over all its agents, in spans: only ever more. dropped: by reason, each from 0."""

    __slots__ = ("dropped", "recorded", "service")

    def __init__(self, service: str) -> None:
        self.service = service
        self.recorded = 0
        self.dropped = dict.fromkeys(REASONS, 0)

    def __repr__(self) -> str:
        return f"<Totals {self.service} recorded {self.recorded} dropped {sum(self.dropped.values())}>"


class Services:
    """The totals of every service that an agent ever named, for good."""

    def __init__(self) -> None:
        self.known: dict[str, Totals] = {}

    def __repr__(self) -> str:
        return f"<Services {len(self.known)}>"

    def of(self, named: str | None) -> Totals:
        """The totals of a service as an agent calls it."""
        name = _readable(named)
        if name not in self.known and len(self.known) >= MAX_SERVICES:
            name = REST
        return self.known.setdefault(name, Totals(name))


def _readable(named: str | None) -> str:
    return "".join(filter(str.isprintable, named or ""))[:MAX_SERVICE].strip() or UNKNOWN
