"""Compaction: merges small objects of a dataset into larger ones, with the same rows in the same order."""
