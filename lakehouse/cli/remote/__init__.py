"""Commands against a running server: `--url`."""
