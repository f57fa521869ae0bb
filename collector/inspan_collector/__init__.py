"""The sidecar: spans in over a unix socket, full batches out, every span in the books."""
