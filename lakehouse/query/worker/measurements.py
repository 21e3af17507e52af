"""The measurements that EXPLAIN ANALYZE shows. Data only."""

METRICS = (
    "query.total_time",
    "query.cpu_time",
    "system.peak_buffer_memory",
    "system.peak_temp_dir_size",
    "io.total_bytes_read",
    "operator.name",
    "operator.timing",
    "operator.intermediate_rows",
    "operator.rows_scanned",
    "operator.bytes_scanned",
    "operator.row_groups_scanned",
    "operator.total_row_groups_to_scan",
)
"""What EXPLAIN ANALYZE shows. Not operator.extra_info, which names files."""
