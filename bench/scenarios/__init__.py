"""What is asked, a file a question. Each has a `SCENARIO`; the order here is that of the results."""

from typing import Final

from bench.harness.scenario import Scenario
from bench.scenarios import (
    agents,
    compression,
    connections,
    growth,
    latency,
    overload,
    payload,
    recovery,
    relay,
    sending,
    start,
    switches,
)

MODULES: Final = (
    relay,
    payload,
    compression,
    connections,
    growth,
    agents,
    latency,
    overload,
    start,
    recovery,
    switches,
    sending,
)
SCENARIOS: Final[dict[str, Scenario]] = {module.SCENARIO.name: module.SCENARIO for module in MODULES}
