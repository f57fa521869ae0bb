"""Writes RESULTS.md and its charts from the rows of CSV, and from nothing else."""
