"""Parquet: written from typed text, and read as a source."""
