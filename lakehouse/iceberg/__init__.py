"""A lake's datasets as Iceberg tables (format version 2), folded from its events.

Owns schemas, snapshots, metadata and manifests. The same events give the same bytes in every process.
Must never write into a dataset, and never serve a table that a reader could read wrongly.
"""
