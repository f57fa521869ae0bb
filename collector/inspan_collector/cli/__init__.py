"""The door: argv, environment, signals and exit codes."""

from inspan_collector.cli.main import main

__all__ = ["main"]
