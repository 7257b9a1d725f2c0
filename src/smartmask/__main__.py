"""``python -m smartmask`` is the ``smartmask`` command."""

import sys

from smartmask.cli import main

if __name__ == "__main__":
    sys.exit(main())
