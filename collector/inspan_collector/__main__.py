"""`python -m inspan_collector`: the command, for whoever has the package and no PATH to its script."""

import sys

from inspan_collector.cli import main

if __name__ == "__main__":
    sys.exit(main())
