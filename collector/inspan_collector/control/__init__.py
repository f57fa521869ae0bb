"""The control socket: the door of the commands."""

from inspan_collector.control.control import Control

__all__ = ["Control"]
