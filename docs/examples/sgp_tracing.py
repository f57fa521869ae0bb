"""The tracing of SGP's SDK, its spans recorded as they start and end. Needs inspan and scale-gp-beta."""

from scale_gp_beta.lib import tracing

import inspan.sgp.tracing

inspan.sgp.tracing.init()

with tracing.create_trace("agent.turn"), tracing.create_span("llm.chat", "COMPLETION", {"prompt": "hi"}) as span:
    span.output = {"text": "hello"}
