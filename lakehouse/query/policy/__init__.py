"""What a statement may do: parsed by DuckDB, judged node by node. Pure."""
