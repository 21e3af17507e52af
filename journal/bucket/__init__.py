"""The port to a bucket and its adapters."""
