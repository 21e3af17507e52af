"""Ingest: how a file is to be read, and what becomes of it. Pure."""
