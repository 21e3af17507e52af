"""The worker process: runs one query at a time in a locked-down DuckDB."""
