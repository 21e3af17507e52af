"""Garbage collection: find, mark, wait, delete, record."""
