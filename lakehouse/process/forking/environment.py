"""The environment of processes of our own."""

from pathlib import Path


def child_environment() -> dict[str, str]:
    """Not the server's environment: no credential, no proxy.

    Few malloc arenas, since RLIMIT_AS counts them, and Arrow's pool is the system's: its own one and many
    arenas add 80 MB to the peak of reading a Parquet file of 365 MB. DuckDB's allocator has one arena too, as
    each keeps pages that others need. No library starts a thread when it is imported: a process with
    threads must not fork.
    """
    return {
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "MALLOC_ARENA_MAX": "2",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "DUCKDB_JE_MALLOC_CONF": "narenas:1",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
