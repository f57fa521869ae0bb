"""For agents with SGP's SDK (`scale-gp-beta`): their spans go to the sidecar, and nobody waits for it.

`Transport` stands in for the network below the SDK's client, and needs httpx. `inspan.sgp.tracing` stands in for the
queue of the SDK's tracing. `export_fn` is for who cannot do without that queue.
"""

from inspan.sgp.export import export_fn

try:
    from inspan.sgp.transport import Transport
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(f"{error}: this needs pip install 'inspan[sgp]'", name=error.name) from error

__all__ = ["Transport", "export_fn"]
