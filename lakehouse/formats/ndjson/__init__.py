"""NDJSON: one JSON object per line."""
