"""Locks a worker process in: what the operating system lets it use, what DuckDB lets it touch.

The guard decides what may be asked; this limits the damage should the guard be wrong. Settings
come by message, never by argument or environment, and nothing of them can be changed afterwards.
"""

import ctypes
import os
import resource
import signal
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import duckdb_extension_httpfs

from lakehouse.query.messages import S3, Configure
from lakehouse.query.relations import SCHEMA
from lakehouse.query.worker.error_scrubber import scrubber

_PR_SET_PDEATHSIG = 1


def die_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent goes, however it goes."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:  # it went before we asked
        os._exit(0)


def limit_memory(address_space_bytes: int) -> None:
    """Bound all memory, DuckDB's own accounting aside (repeat() passes it), and leave no core."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (address_space_bytes, address_space_bytes))


def locked_connection(configure: Configure) -> duckdb.DuckDBPyConnection:
    """Return an in-memory DuckDB that can read objects under the data prefixes and nothing else."""
    connection = duckdb.connect(":memory:", config=_config(configure))
    # These belong to extensions, which are there only once DuckDB is.
    connection.execute("SET GLOBAL parquet_metadata_cache = true")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    if configure.s3:
        try:
            _reach_s3(connection, configure.s3, configure.data_prefixes)
        except duckdb.Error as error:  # its text quotes our statement, which holds the secret
            raise RuntimeError(scrubber(configure, ()).text(str(error))) from None
    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    prefixes = ", ".join(_literal(prefix) for prefix in configure.data_prefixes)
    connection.execute(f"SET allowed_directories = [{prefixes}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def parser_connection() -> duckdb.DuckDBPyConnection:
    """Return a DuckDB of its own that parses and has no data: one thread, and nothing to optimise."""
    connection = duckdb.connect(":memory:", config={"threads": "1"})
    connection.execute("PRAGMA disable_optimizer")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _config(configure: Configure) -> dict[str, str | bool | int | float | list[str]]:
    home = configure.temp_directory
    return {
        "threads": str(configure.threads),
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
        # Objects never change under their key, so what was read once about one stays true.
        "enable_http_metadata_cache": "true",
        "arrow_lossless_conversion": "true",
    }


def _reach_s3(
    connection: duckdb.DuckDBPyConnection, s3: S3, data_prefixes: tuple[str, ...]
) -> None:
    connection.execute(f"LOAD {_literal(str(_httpfs()))}")
    options = {
        "KEY_ID": s3.access_key_id,
        "SECRET": s3.secret_access_key,
        "REGION": s3.region,
        "SESSION_TOKEN": s3.session_token,
    }
    if s3.endpoint_url:
        endpoint = urlsplit(s3.endpoint_url)
        options |= {"ENDPOINT": endpoint.netloc, "URL_STYLE": "path"}
        options |= {"USE_SSL": "true" if endpoint.scheme == "https" else "false"}
    given = "".join(f", {name} {_literal(value)}" for name, value in options.items() if value)
    scope = ", ".join(_literal(prefix) for prefix in data_prefixes if prefix.startswith("s3://"))
    connection.execute(f"CREATE TEMPORARY SECRET bucket (TYPE s3{given}, SCOPE [{scope}])")


def _httpfs() -> Path:
    """The extension inside its own wheel: nothing is ever downloaded."""
    folder = Path(duckdb_extension_httpfs.__file__).parent / "extensions"
    return folder / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
