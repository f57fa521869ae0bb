"""An upstream to test against: it accepts every dialect, counts, and misbehaves on request."""

from inspan_collector.sink.behaviour import Behaviour
from inspan_collector.sink.command import add_arguments, execute
from inspan_collector.sink.seen import Seen
from inspan_collector.sink.server import Sink
from inspan_collector.sink.tally import Count

__all__ = ["Behaviour", "Count", "Seen", "Sink", "add_arguments", "execute"]
