"""Measurements of the whole sidecar, beside its peers and in one run. `python -m bench` runs them all."""
