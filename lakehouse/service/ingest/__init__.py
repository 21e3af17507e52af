"""Ingest: a received file becomes objects of a dataset, or is refused as a whole."""
