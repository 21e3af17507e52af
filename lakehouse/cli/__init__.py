"""The command line: `lakehouse …`, or `python -m lakehouse …`."""

from lakehouse.cli.main import main

__all__ = ["main"]
