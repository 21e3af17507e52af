"""Ingest: CSV, NDJSON or Parquet in, decided schema and Parquet out. Synchronous; knows files alone."""
