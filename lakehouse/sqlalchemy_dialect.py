"""The SQLAlchemy dialects `lakehouse://[:token@]host:port/` and `lakehouse+bucket:///path`.

Owns what SQLAlchemy must know: how names are quoted, and where tables and columns are listed. The SQL is
DuckDB's, which follows PostgreSQL; statements only read. SQLAlchemy 2, and 1.4, which Superset needs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import types
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGIdentifierPreparer, PGTypeCompiler
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.url import URL
from sqlalchemy.exc import DBAPIError, NoSuchTableError
from sqlalchemy.pool import Pool, StaticPool

from lakehouse import dbapi
from lakehouse.system.view_table import SCHEMA as SYSTEM
from lakehouse.system.view_table import SYSTEM_VIEWS

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import ReflectedColumn, ReflectedPrimaryKeyConstraint

DEFAULT_PORT = 3110
SCHEMAS = ["main", SYSTEM]
"""`main` holds datasets and views, `lake` the system views."""
_TYPES: Mapping[str, Any] = {
    "BOOLEAN": types.BOOLEAN,
    "TINYINT": types.SMALLINT,
    "SMALLINT": types.SMALLINT,
    "INTEGER": types.INTEGER,
    "BIGINT": types.BIGINT,
    "UTINYINT": types.SMALLINT,
    "USMALLINT": types.INTEGER,
    "UINTEGER": types.BIGINT,
    "UBIGINT": types.NUMERIC,
    "HUGEINT": types.NUMERIC,
    "FLOAT": types.FLOAT,
    "DOUBLE": getattr(types, "DOUBLE", types.FLOAT),  # since SQLAlchemy 2
    "VARCHAR": types.VARCHAR,
    "BLOB": types.LargeBinary,
    "DATE": types.DATE,
    "TIME": types.TIME,
    "TIMESTAMP": types.TIMESTAMP,
    "TIMESTAMP_S": types.TIMESTAMP,
    "TIMESTAMP_MS": types.TIMESTAMP,
    "TIMESTAMP_NS": types.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": types.TIMESTAMP(timezone=True),
    "UUID": types.VARCHAR,
}


class LakehouseCompiler(PGCompiler):
    """PostgreSQL's, but for an operator that DuckDB lacks."""

    def visit_bitwise_xor_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """DuckDB has no `#`."""
        return f"xor({self.process(binary.left, **kw)}, {self.process(binary.right, **kw)})"


class LakehouseDialect(DefaultDialect):
    """Over HTTP."""

    name = "lakehouse"
    driver = "http"
    statement_compiler = LakehouseCompiler
    type_compiler_cls = PGTypeCompiler
    preparer = PGIdentifierPreparer
    default_schema_name = "main"
    default_paramstyle = "qmark"
    supports_statement_cache = True
    supports_native_boolean = True
    supports_native_decimal = True
    supports_schemas = True
    supports_sane_rowcount = False
    supports_alter = False
    postfetch_lastrowid = False
    _backslash_escapes = False  # the compiler's: DuckDB's strings have none
    _supports_create_index_concurrently = False
    _supports_drop_index_concurrently = False

    @classmethod
    def import_dbapi(cls) -> Any:
        """The PEP 249 module."""
        return dbapi

    @classmethod
    def dbapi(cls) -> Any:  # type: ignore[override]  # an attribute in SQLAlchemy 2
        """The PEP 249 module, as SQLAlchemy 1.4 asks for it."""
        return dbapi

    def create_connect_args(self, url: URL) -> tuple[list[Any], dict[str, Any]]:
        """What `dbapi.connect` takes. `?tls=true` for https, `?profile=…`."""
        query = dict(url.query)
        scheme = "https" if query.get("tls") == "true" else "http"
        host = url.host or "127.0.0.1"
        base = f"/{url.database}" if url.database else ""
        address = f"{scheme}://{host}:{url.port or DEFAULT_PORT}{base}"
        return [address], {"token": url.password, "profile": query.get("profile")}

    def initialize(self, connection: Any) -> None:
        """Nothing to find out: every lake is the same."""

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Whether the lake answers."""
        with dbapi_connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True

    def get_schema_names(self, connection: Any, **_: Any) -> list[str]:
        """The schemas."""
        return list(SCHEMAS)

    def get_table_names(self, connection: Any, schema: str | None = None, **_: Any) -> list[str]:
        """The datasets, or the system views of `lake`."""
        if schema == SYSTEM:
            return sorted(SYSTEM_VIEWS)
        return self._names(connection, "datasets")

    def get_view_names(self, connection: Any, schema: str | None = None, **_: Any) -> list[str]:
        """The views."""
        return [] if schema == SYSTEM else self._names(connection, "views")

    def has_table(
        self, connection: Any, table_name: str, schema: str | None = None, **_: Any
    ) -> bool:
        """Whether there is a dataset, a view or a system view of the name."""
        try:
            return bool(self._columns(connection, table_name, schema))
        except NoSuchTableError:
            return False

    def get_view_definition(
        self, connection: Any, view_name: str, schema: str | None = None, **_: Any
    ) -> str:
        """The statement of a view; the empty text for a safe view."""
        sql = "SELECT sql FROM lake.views WHERE lower(name) = lower(?)"
        row = connection.exec_driver_sql(sql, (view_name,)).fetchone()
        if row is None:
            raise NoSuchTableError(view_name)
        return row[0] or ""

    def get_columns(
        self, connection: Any, table_name: str, schema: str | None = None, **_: Any
    ) -> "list[ReflectedColumn]":
        """The columns of a relation."""
        return [
            {"name": name, "type": _type(kind), "nullable": True, "default": None}
            for name, kind in self._columns(connection, table_name, schema)
        ]

    def get_pk_constraint(
        self, connection: Any, table_name: str, schema: str | None = None, **_: Any
    ) -> "ReflectedPrimaryKeyConstraint":
        """None: a lakehouse has no keys."""
        return {"constrained_columns": [], "name": None}

    def get_foreign_keys(self, *_: Any, **__: Any) -> list[Any]:
        """None."""
        return []

    def get_indexes(self, *_: Any, **__: Any) -> list[Any]:
        """None."""
        return []

    def _names(self, connection: Any, system_view: str) -> list[str]:
        sql = f"SELECT name FROM lake.{system_view} ORDER BY name"  # noqa: S608  # one of two
        return [row[0] for row in connection.exec_driver_sql(sql)]

    def _columns(self, connection: Any, name: str, schema: str | None) -> list[tuple[str, str]]:
        quote = self.identifier_preparer.quote_identifier
        relation = f"{quote(SYSTEM)}.{quote(name)}" if schema == SYSTEM else quote(name)
        try:
            found = connection.exec_driver_sql(f"DESCRIBE {relation}")
        except DBAPIError as error:
            raise NoSuchTableError(name) from error
        return [(row[0], row[1]) for row in found]


class BucketDialect(LakehouseDialect):
    """Over a bucket that is opened in this process."""

    driver = "bucket"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        """The PEP 249 module. SQLAlchemy 2 wants it on the class itself where `dbapi` is there too."""
        return dbapi

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        """One connection for all threads: each new one would open the lake again."""
        return StaticPool

    def create_connect_args(self, url: URL) -> tuple[list[Any], dict[str, Any]]:
        """`lakehouse+bucket:///path`, or `lakehouse+bucket:///?bucket=s3://name`.

        A path of three slashes that is not below the working directory but is one from the root is
        that: `lakehouse+bucket:///data/lake`.
        """
        query = dict(url.query)
        path = url.database or "."
        if not Path(path).exists() and Path(f"/{path}").exists():
            path = f"/{path}"
        bucket = query.get("bucket") or path
        return [], {"bucket": bucket, "profile": query.get("profile")}


def _type(kind: str) -> Any:
    if kind.startswith("DECIMAL("):
        precision, scale = kind[8:-1].split(",")
        return types.NUMERIC(int(precision), int(scale))
    return _TYPES.get(kind, types.NullType)
