"""The audit: refused accesses, and reads, in chained batches in the bucket."""
