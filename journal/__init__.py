"""The append-only journal in the bucket. FORMAT.md specifies its bytes."""
