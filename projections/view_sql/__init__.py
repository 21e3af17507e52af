"""The SQL text of views over datasets. Pure."""
