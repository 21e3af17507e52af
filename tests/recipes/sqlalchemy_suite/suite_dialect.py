"""Our dialect with a driver that writes: the suite brings its tables along, and a lake's SQL only reads."""

from typing import Any

from writing_driver import writing_driver

from lakehouse.sqlalchemy_dialect import LakehouseDialect


class SuiteDialect(LakehouseDialect):
    """`lakehouse+suite://host:port/`."""

    driver = "suite"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        """The module whose connections write into a DuckDB, and from there into the lake."""
        return writing_driver()

    def create_connect_args(self, url: Any) -> tuple[list[Any], dict[str, Any]]:
        """The address alone: the driver takes no more."""
        address, _ = super().create_connect_args(url)
        return address, {}
