"""The books as they survive kill -9: a small memory-mapped file that the next life reads before it writes its own."""

from inspan_collector.mirror.former import Former as Former
from inspan_collector.mirror.mirror import Mirror as Mirror
from inspan_collector.mirror.page import Page as Page
