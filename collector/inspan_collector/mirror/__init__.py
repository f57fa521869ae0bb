"""The books as they survive kill -9: a small memory-mapped file that the next life reads before it writes its own."""

from inspan_collector.mirror.former import Former as Former
from inspan_collector.mirror.mirror import Mirror as Mirror
from inspan_collector.mirror.page import Page as Page
from inspan_collector.mirror.prints import PrintFile as PrintFile
from inspan_collector.mirror.prints import left_by_others as left_by_others
from inspan_collector.mirror.prints import path_of as path_of
