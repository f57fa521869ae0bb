"""What an agent installs: `import inspan`. Depends on msgspec alone."""

from inspan.client import Client, Stats
from inspan.span import Span, current, new_id, new_trace
from inspan.version import __version__

__all__ = ["Client", "Span", "Stats", "__version__", "current", "new_id", "new_trace"]
