"""From the socket to a chunk that is offered: HTTP, the dialects that agents speak, and every refusal."""
