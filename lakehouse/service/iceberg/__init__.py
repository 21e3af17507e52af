"""The Iceberg catalog: which tables there are, and the metadata of each."""
