"""Facts: the append-only journal in the bucket. Imports nothing of ours; see FORMAT.md for the bytes."""
