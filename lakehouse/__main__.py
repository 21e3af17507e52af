"""`python -m lakehouse` is `lakehouse`."""

import sys

from lakehouse.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
