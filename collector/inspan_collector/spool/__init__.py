"""The durable store behind the queues: what is on disk, and the one thread that writes it."""
