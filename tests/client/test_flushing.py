"""Who waits for what is recorded to be the sidecar's."""

from inspan.buffer import Buffer
from inspan.dialects import JSON
from inspan.flushing import Flushing


def test_what_leaves_between_the_look_and_the_wait_is_not_waited_for() -> None:
    buffer = Buffer(1 << 20, 1 << 19, lambda: None)
    buffer.put((JSON, b"{}", 2))
    flushing = Flushing(buffer, lambda: buffer.settle(buffer.take(1 << 20)))  # and whoever sends has ended since
    assert flushing.wait(0.0)
