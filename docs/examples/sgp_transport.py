"""SGP's client, its spans taken by the sidecar: one line more, and no call waits. Needs inspan[sgp]."""

from datetime import UTC, datetime

import httpx
from scale_gp_beta import SGPClient

import inspan.sgp

client = SGPClient(
    api_key="unused",  # the key and the account are the sidecar's
    account_id="unused",
    http_client=httpx.Client(transport=inspan.sgp.Transport()),
)
start = datetime.now(UTC).isoformat()
client.spans.upsert_batch(
    items=[
        {
            "id": "s1",
            "trace_id": "t1",
            "name": "llm.chat",
            "type": "COMPLETION",
            "start_timestamp": start,
            "end_timestamp": datetime.now(UTC).isoformat(),
            "output": {"text": "hello"},
        }
    ]
)
