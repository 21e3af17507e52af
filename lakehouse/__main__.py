"""`python -m lakehouse` is `lakehouse`."""

import sys

from lakehouse.cli import main

if __name__ == "__main__":
    sys.exit(main())
