"""What the page and `inspan top` look at: a history of minutes, and a moment each second."""

from inspan_collector.live.feed import Feed
from inspan_collector.live.viewer import Crowded, Viewer

__all__ = ["Crowded", "Feed", "Viewer"]
