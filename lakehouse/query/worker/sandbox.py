"""Confines a worker process: limits of the operating system, and settings of DuckDB.

The guard decides which statements run; this limits the damage if the guard is wrong. Settings come by
message, never by argument or environment, and cannot be changed afterwards.
"""

import duckdb
import msgspec

from lakehouse.objects.extents import SCHEME
from lakehouse.query.policy.statement import prepare
from lakehouse.query.wire.messages import Configure
from lakehouse.query.worker.objects.files import ObjectFiles
from lakehouse.query.worker.objects.read_ahead import AHEAD_THREADS, SETTING
from lakehouse.system.view_table import SCHEMA


class Connections(msgspec.Struct, frozen=True):
    """The sessions of one DuckDB."""

    main: duckdb.DuckDBPyConnection
    plain: duckdb.DuckDBPyConnection
    """Without the optimizer, which takes a third of the time of `SELECT 42`."""


def locked_connections(configure: Configure, objects: ObjectFiles) -> Connections:
    """Return an in-memory DuckDB that can read objects under the data prefixes and nothing else."""
    connection = duckdb.connect(":memory:", config=_config(configure))
    # These belong to extensions, which are there only once DuckDB is.
    connection.execute("SET GLOBAL parquet_metadata_cache = true")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    # Memory that a query freed goes back to the system: a process that keeps it would be replaced.
    connection.execute("SET GLOBAL allocator_flush_threshold = '32MB'")
    connection.execute("SET GLOBAL allocator_bulk_deallocation_flush_threshold = '64MB'")
    connection.register_filesystem(objects)
    # Blocks are cached by the server, which knows what is verified and what was collected.
    connection.execute("SET GLOBAL enable_external_file_cache = false")
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    prefixes = ", ".join(_literal(prefix) for prefix in (*configure.data_prefixes, f"{SCHEME}://"))
    connection.execute(f"SET allowed_directories = [{prefixes}]")
    connection.execute("SET enable_external_access = false")
    # What the worker itself still sets: which metrics a plan shows, and threads. No statement can set them.
    connection.execute(f"SET GLOBAL allowed_configs = ['tracked_metrics', '{SETTING}']")
    plain = connection.cursor()
    plain.execute("PRAGMA disable_optimizer")
    connection.execute("SET lock_configuration = true")
    return Connections(connection, plain)


def parser_connection() -> duckdb.DuckDBPyConnection:
    """Return a DuckDB of its own that parses and has no data: one thread, and nothing to optimise."""
    connection = duckdb.connect(":memory:", config={"threads": "1", SETTING: "0"})
    connection.execute("PRAGMA disable_optimizer")
    prepare(connection)
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _config(configure: Configure) -> dict[str, str | bool | int | float | list[str]]:
    home = configure.temp_directory
    return {
        "threads": str(configure.threads),
        SETTING: str(AHEAD_THREADS),
        "memory_limit": f"{configure.memory_limit_bytes}B",
        "temp_directory": f"{home}/spill",
        "max_temp_directory_size": f"{configure.temp_limit_bytes}B",
        "extension_directory": f"{home}/extensions",
        "secret_directory": f"{home}/secrets",
        "allow_persistent_secrets": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "python_enable_replacements": "false",
        "arrow_lossless_conversion": "true",
    }


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
