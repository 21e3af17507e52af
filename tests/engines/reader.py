"""Reads tables of an Iceberg catalog with one engine; run with the Python of the engine's environment.

`reader.py ENGINE URI` takes JSON requests, a line each, from stdin: `{"table", "snapshot"}`, with a
snapshot of null for the present; `{"table", "at_ms"}`, the rows at a time in milliseconds after 1970;
`{"table", "above": [column, value]}`, the rows with more than the value; each with `"count": true` to count
the rows only; `{"list": warehouse}`; `{"append": table, "values": […]}`, a row for each value of the one
column; `{"overwrite": table}`. It answers each with a line: `{"rows": […], "columns": […]}`, `{"count":
number}`, `{"tables": […]}`, `{"appended": true}` or `{"error": text}`.
"""

import contextlib
import datetime as dt
import glob
import json
import os
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent))
from canonical import columns, rows

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

    def at(self, table: str, at_ms: int) -> pa.Table:
        found = self.catalog.load_table(f"lake.{table}").snapshot_as_of_timestamp(at_ms)
        if found is None:
            raise LookupError(f"there is no snapshot at {at_ms}")
        return self.read(table, found.snapshot_id)

    def above(self, table: str, column: str, value: int) -> pa.Table:
        from pyiceberg.expressions import GreaterThan

        rows_above = GreaterThan(column, value)  # type: ignore[arg-type]
        return self.catalog.load_table(f"lake.{table}").scan(rows_above).to_arrow()

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
        return self._scan(table, snapshot).collect().to_arrow()

    def above(self, table: str, column: str, value: int) -> pa.Table:
        import polars as pl

        return self._scan(table, None).filter(pl.col(column) > value).collect().to_arrow()

    def _scan(self, table: str, snapshot: int | None) -> Any:
        import polars as pl

        found = self.catalog.load_table(f"lake.{table}")
        given = {STORE_OPTIONS[k]: v for k, v in found.io.properties.items() if k in STORE_OPTIONS}
        return pl.scan_iceberg(found, snapshot_id=snapshot, storage_options=given or None)


class Daft(PyIceberg):
    def read(self, table: str, snapshot: int | None) -> pa.Table:
        return self._scan(table, snapshot).to_arrow()

    def above(self, table: str, column: str, value: int) -> pa.Table:
        import daft

        return self._scan(table, None).where(daft.col(column) > value).to_arrow()

    def _scan(self, table: str, snapshot: int | None) -> Any:
        import daft

        found = self.catalog.load_table(f"lake.{table}")
        return daft.read_iceberg(found, snapshot_id=snapshot)


class DuckDB:
    def __init__(self, uri: str) -> None:
        import duckdb

        self._uri = uri
        self._connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        # What a query reads is counted.
        self._connection.execute("SET enable_external_file_cache = false")
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

    def at(self, table: str, at_ms: int) -> pa.Table:
        at = f"AT (TIMESTAMP => TIMESTAMP '{_utc(at_ms)}')"
        return self._connection.execute(f'FROM present.lake."{table}" {at}').to_arrow_table()

    def above(self, table: str, column: str, value: int) -> pa.Table:
        statement = f'FROM present.lake."{table}" WHERE "{column}" > {value}'
        return self._connection.execute(statement).to_arrow_table()


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

    def at(self, table: str, at_ms: int) -> pa.Table:
        statement = f"SELECT * FROM lk.lake.`{table}` TIMESTAMP AS OF '{_utc(at_ms)}'"
        return self._present.sql(statement).toArrow()

    def above(self, table: str, column: str, value: int) -> pa.Table:
        statement = f"SELECT * FROM lk.lake.`{table}` WHERE `{column}` > {value}"
        return self._present.sql(statement).toArrow()


class ChDB:
    """ClickHouse in this process."""

    def __init__(self, uri: str) -> None:
        import chdb

        self._uri = uri
        # chDB reads local files only below the directory in which it starts.
        os.chdir("/")
        self._connection = chdb.connect()
        self._connection.query("SET allow_database_iceberg = 1")
        self._connection.query("SET output_format_arrow_string_as_string = 0")
        self._attach("lake", "present")

    def _attach(self, warehouse: str, name: str) -> None:
        # chDB demands keys of the catalog for local tables too, unless vended_credentials is 0, and with
        # those and an endpoint it looks for the metadata at a wrong path.
        options = f"catalog_type = 'rest', warehouse = '{warehouse}', vended_credentials = 0"
        arguments = [self._uri]
        if "AWS_ACCESS_KEY_ID" in os.environ:
            arguments += [os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]]
            options += f", storage_endpoint = '{os.environ['AWS_ENDPOINT_URL']}/'"
        engine = f"DataLakeCatalog({', '.join(map(repr, arguments))})"
        self._connection.query(f"CREATE DATABASE {name} ENGINE = {engine} SETTINGS {options}")

    def _table(self, statement: str) -> pa.Table:
        """The result with ClickHouse's types: its Arrow form gives a zone to times that have none.

        A String is bytes to ClickHouse; here it is text if it is UTF-8.
        """
        found = self._arrow(statement)
        kinds = self._arrow(f"DESCRIBE ({statement})")["type"].cast(pa.string()).to_pylist()
        for number, kind in enumerate(kinds):
            column = found.column(number)
            if "DateTime64(6)" in kind:
                column = column.cast(pa.timestamp("us"))
            with contextlib.suppress(pa.ArrowInvalid):
                column = column.cast(_text(column.type))
            found = found.set_column(number, found.field(number).name, column)
        return found

    def _arrow(self, statement: str) -> pa.Table:
        answer = self._connection.query(statement, "Arrow").bytes()
        return pa.ipc.open_file(answer).read_all()

    def tables(self, warehouse: str) -> list[str]:
        self._attach(warehouse, "past")
        found = self._arrow("SHOW TABLES FROM past")["name"].to_pylist()
        self._connection.query("DROP DATABASE past")
        return [name.decode().removeprefix("lake.") for name in found]

    def read(self, table: str, snapshot: int | None) -> pa.Table:
        at = "" if snapshot is None else f" SETTINGS iceberg_snapshot_id = {snapshot}"
        return self._table(f"SELECT * FROM present.`lake.{table}`{at}")

    def at(self, table: str, at_ms: int) -> pa.Table:
        at = f"SETTINGS iceberg_timestamp_ms = {at_ms}"
        return self._table(f"SELECT * FROM present.`lake.{table}` {at}")

    def above(self, table: str, column: str, value: int) -> pa.Table:
        return self._table(f"SELECT * FROM present.`lake.{table}` WHERE `{column}` > {value}")


def _utc(at_ms: int) -> str:
    """A time in milliseconds after 1970 as SQL writes it, without a zone."""
    at = dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC)
    return at.replace(tzinfo=None).isoformat(" ", "milliseconds")


def _text(kind: pa.DataType) -> pa.DataType:
    """A type with strings where it has bytes."""
    if pa.types.is_struct(kind):
        return pa.struct([each.with_type(_text(each.type)) for each in kind])
    if pa.types.is_map(kind):
        return pa.map_(_text(kind.key_type), _text(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(_text(kind.value_type))
    return pa.string() if pa.types.is_binary(kind) else kind


ENGINES = {
    "chdb": ChDB,
    "sail": Sail,
    "pyiceberg": PyIceberg,
    "polars": Polars,
    "daft": Daft,
    "duckdb": DuckDB,
}


def _read(engine: Any, request: dict[str, Any]) -> pa.Table:
    if "above" in request:
        return engine.above(request["table"], *request["above"])
    if "at_ms" in request:
        return engine.at(request["table"], request["at_ms"])
    return engine.read(request["table"], request["snapshot"])


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
                read = _read(engine, request)
                answer = (
                    {"count": read.num_rows}
                    if request.get("count")
                    else {"rows": rows(read), "columns": columns(read)}
                )
        except Exception as error:  # noqa: BLE001  # the matrix shows it
            answer = {"error": f"{type(error).__name__}: {str(error)[:500]}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
