"""Reads tables of an Iceberg catalog with one engine; run with the Python of the engine's environment.

`reader.py ENGINE URI` takes JSON requests, a line each, from stdin: `{"table", "snapshot"}`, with a snapshot
of null for the present, `{"list": warehouse}`, `{"append": table, "values": […]}`, a row for each value of
the one column, or `{"overwrite": table}`. It answers each with a line: `{"rows": […]}`, `{"tables": […]}`,
`{"appended": true}` or `{"error": text}`.
"""

import glob
import json
import os
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent))
from canonical import rows

STORE_OPTIONS = {
    "s3.access-key-id": "aws_access_key_id",
    "s3.secret-access-key": "aws_secret_access_key",
    "s3.session-token": "aws_session_token",
    "s3.endpoint": "aws_endpoint_url",
    "s3.region": "aws_region",
}
"""What the catalog gives, as polars calls it."""


class PyIceberg:
    """pyiceberg, and the catalog of the engines that use it."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self.catalog = self._in("lake")

    def _in(self, warehouse: str) -> Any:
        from pyiceberg.catalog import load_catalog

        return load_catalog(warehouse, type="rest", uri=self._uri, warehouse=warehouse)

    def tables(self, warehouse: str) -> list[str]:
        return [name for _, name in self._in(warehouse).list_tables("lake")]

    def read(self, table: str, snapshot: int | None) -> pa.Table:
        return self.catalog.load_table(f"lake.{table}").scan(snapshot_id=snapshot).to_arrow()

    def append(self, table: str, values: list[int]) -> None:
        found = self.catalog.load_table(f"lake.{table}")
        for value in values:
            found.append(pa.table({"n": pa.array([value], pa.int64())}))

    def overwrite(self, table: str) -> None:
        self.catalog.load_table(f"lake.{table}").overwrite(
            pa.table({"n": pa.array([1], pa.int64())})
        )


class Polars(PyIceberg):
    def read(self, table: str, snapshot: int | None) -> pa.Table:
        import polars as pl

        found = self.catalog.load_table(f"lake.{table}")
        given = {STORE_OPTIONS[k]: v for k, v in found.io.properties.items() if k in STORE_OPTIONS}
        scan = pl.scan_iceberg(found, snapshot_id=snapshot, storage_options=given or None)
        return scan.collect().to_arrow()


class Daft(PyIceberg):
    def read(self, table: str, snapshot: int | None) -> pa.Table:
        import daft

        found = self.catalog.load_table(f"lake.{table}")
        return daft.read_iceberg(found, snapshot_id=snapshot).to_arrow()


class DuckDB:
    def __init__(self, uri: str) -> None:
        import duckdb

        self._uri = uri
        self._connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        packages = Path(duckdb.__file__).parents[1]
        for name in ("httpfs", "avro", "icu", "iceberg"):
            found = glob.glob(
                f"{packages}/duckdb_extension_{name}/**/*.duckdb_extension", recursive=True
            )
            self._connection.execute(f"LOAD '{found[0]}'")
        self._attach("lake", "present")

    def _attach(self, warehouse: str, name: str) -> None:
        options = f"TYPE iceberg, ENDPOINT '{self._uri}', AUTHORIZATION_TYPE 'none'"
        self._connection.execute(f"ATTACH '{warehouse}' AS {name} ({options})")

    def tables(self, warehouse: str) -> list[str]:
        self._attach(warehouse, "past")
        listed = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'past'"
        found = self._connection.execute(listed).fetchall()
        self._connection.execute("DETACH past")
        return sorted(name for (name,) in found)

    def read(self, table: str, snapshot: int | None) -> pa.Table:
        at = "" if snapshot is None else f" AT (VERSION => {snapshot})"
        return self._connection.execute(f'FROM present.lake."{table}"{at}').to_arrow_table()


class Sail:
    """Sail, asked by Spark Connect: a server for each warehouse, since it reads these when it starts."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._present = self._in("lake")

    def _in(self, warehouse: str) -> Any:
        from pysail.spark import SparkConnectServer
        from pyspark.sql import SparkSession

        catalog = f'type="iceberg-rest", name="lk", uri="{self._uri}", warehouse="{warehouse}"'
        os.environ["SAIL_CATALOG__LIST"] = f"[{{{catalog}}}]"
        os.environ["SAIL_CATALOG__DEFAULT_CATALOG"] = "lk"
        server = SparkConnectServer()
        server.start(background=True)
        self._servers = [*getattr(self, "_servers", []), server]
        _, port = server.listening_address
        return SparkSession.builder.remote(f"sc://localhost:{port}").create()

    def tables(self, warehouse: str) -> list[str]:
        session = self._in(warehouse)
        found: list[str] = session.sql("SHOW TABLES IN lk.lake").toArrow()["tableName"].to_pylist()
        session.stop()
        return found

    def read(self, table: str, snapshot: int | None) -> pa.Table:
        at = "" if snapshot is None else f" VERSION AS OF {snapshot}"
        return self._present.sql(f"SELECT * FROM lk.lake.`{table}`{at}").toArrow()


ENGINES = {"sail": Sail, "pyiceberg": PyIceberg, "polars": Polars, "daft": Daft, "duckdb": DuckDB}


def main() -> None:
    engine = ENGINES[sys.argv[1]](sys.argv[2])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "list" in request:
                answer = {"tables": engine.tables(request["list"])}
            elif "append" in request:
                engine.append(request["append"], request["values"])
                answer = {"appended": True}
            elif "overwrite" in request:
                engine.overwrite(request["overwrite"])
                answer = {"appended": True}
            else:
                answer = {"rows": rows(engine.read(request["table"], request["snapshot"]))}
        except Exception as error:  # noqa: BLE001  # the matrix shows it
            answer = {"error": f"{type(error).__name__}: {str(error)[:500]}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
