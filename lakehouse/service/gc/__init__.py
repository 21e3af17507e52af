"""Garbage collection (gc): find, mark, wait, delete, record."""
