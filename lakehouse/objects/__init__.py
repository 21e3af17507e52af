"""Reads objects in blocks that are verified before use: one reader, one cache."""
