"""Compaction: small objects of a dataset become few, with the same rows in the same order."""
