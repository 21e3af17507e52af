"""Ingest: a spooled file becomes a dataset's objects, or is refused as a whole."""
