"""The relations that a statement names, as views in the DuckDB of the worker."""
