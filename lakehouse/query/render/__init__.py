"""Results as bytes: JSON, NDJSON, CSV, Arrow, Parquet."""
