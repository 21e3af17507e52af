"""The command line: `lakehouse …`, or `python -m lakehouse …`."""
