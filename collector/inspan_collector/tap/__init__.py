"""A look at spans as they pass: some posts of those that are taken, handed whole to a command that reads them.

Nothing of a span is read here. While nobody taps, nothing of this is in the way of a post.
"""

from inspan_collector.tap.stream import Streams
from inspan_collector.tap.tap import MAX_RATE, RATE, Wish
from inspan_collector.tap.taps import DIALECTS, Tapped, Taps

__all__ = ["DIALECTS", "MAX_RATE", "RATE", "Streams", "Tapped", "Taps", "Wish"]
