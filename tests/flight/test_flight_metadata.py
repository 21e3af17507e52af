"""Metadata over Flight SQL: schemas as the specification has them, rows as the caller may see them."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from flight_client import Raw, adbc, metadata, statement
from lake_server import Lake

from lakehouse.flight.wire import length_field, number_field
from lakehouse.system.view_table import SYSTEM_VIEWS

# format/FlightSql.proto: "!" stands for "not null".
TABLES = "catalog_name: string, db_schema_name: string, table_name: string!, table_type: string!"
FOREIGN = (
    "pk_catalog_name: string, pk_db_schema_name: string, pk_table_name: string!, "
    "pk_column_name: string!, fk_catalog_name: string, fk_db_schema_name: string, "
    "fk_table_name: string!, fk_column_name: string!, key_sequence: int32!, fk_key_name: string, "
    "pk_key_name: string, update_rule: uint8!, delete_rule: uint8!"
)
VALUE = (
    "dense_union<string_value: string=0, bool_value: bool=1, bigint_value: int64=2, "
    "int32_bitmask: int32=3, string_list: list<string_data: string>=4, "
    "int32_to_int32_list_map: map<int32, list<$data$: int32>>=5>"
)
SPECIFIED = {
    metadata("CommandGetCatalogs"): "catalog_name: string!",
    metadata("CommandGetDbSchemas"): "catalog_name: string, db_schema_name: string!",
    metadata("CommandGetTables"): TABLES,
    metadata("CommandGetTableTypes"): "table_type: string!",
    metadata("CommandGetPrimaryKeys", f3="sales"): "catalog_name: string, db_schema_name: string, "
    "table_name: string!, column_name: string!, key_name: string, key_sequence: int32!",
    metadata("CommandGetExportedKeys", f3="sales"): FOREIGN,
    metadata("CommandGetImportedKeys", f3="sales"): FOREIGN,
    metadata("CommandGetCrossReference", f3="sales", f6="sales"): FOREIGN,
    metadata("CommandGetSqlInfo"): f"info_name: uint32!, value: {VALUE}",
    metadata("CommandGetXdbcTypeInfo"): "type_name: string!, data_type: int32!, "
    "column_size: int32, literal_prefix: string, literal_suffix: string, "
    "create_params: list<item: string not null>, nullable: int32!, case_sensitive: bool!, "
    "searchable: int32!, unsigned_attribute: bool, fixed_prec_scale: bool!, auto_increment: bool, "
    "local_type_name: string, minimum_scale: int32, maximum_scale: int32, sql_data_type: int32!, "
    "datetime_subcode: int32, num_prec_radix: int32, interval_precision: int32",
}


@pytest.fixture(scope="module")
def raw(lake: Lake) -> Iterator[Raw]:
    with Raw(lake.flight_port) as client:
        yield client


def shown(schema: pa.Schema) -> str:
    fields = (f"{each.name}: {each.type}{'' if each.nullable else '!'}" for each in schema)
    return ", ".join(fields)


def tables(raw: Raw, *fields: bytes) -> pa.Table:
    from lakehouse.flight.commands import pack

    return raw.table(pack("CommandGetTables", b"".join(fields)))


@pytest.mark.parametrize(
    "command", SPECIFIED, ids=lambda each: each[48:90].decode(errors="replace")
)
def test_each_answer_has_the_schema_of_the_specification(raw: Raw, command: bytes) -> None:
    assert shown(raw.schema(command)) == SPECIFIED[command]
    assert raw.info(command).schema == raw.schema(command)
    found = raw.table(command)
    assert found.schema == raw.schema(command)
    for field, column in zip(found.schema, found.columns, strict=True):
        assert field.nullable or not column.null_count


def test_tables_with_their_schemas_are_not_null(raw: Raw) -> None:
    found = tables(raw, number_field(5, 1))
    assert shown(found.schema) == f"{TABLES}, table_schema: binary!"
    assert not found.column("table_schema").null_count


def test_catalogs_schemas_and_types(raw: Raw) -> None:
    assert raw.table(metadata("CommandGetCatalogs")).to_pylist() == [{"catalog_name": "lake"}]
    schemas = raw.table(metadata("CommandGetDbSchemas")).to_pylist()
    assert [row["db_schema_name"] for row in schemas] == ["lake", "main"]
    types = raw.table(metadata("CommandGetTableTypes")).column(0).to_pylist()
    assert types == sorted(types) == ["SYSTEM TABLE", "TABLE", "VIEW"]
    for catalog, pattern, expected in (
        ("lake", "m%", ["main"]),
        ("lake", "_AIN", ["main"]),
        ("lake", "x", []),
        ("", "%", []),
        ("other", "%", []),
    ):
        found = raw.table(metadata("CommandGetDbSchemas", f1=catalog, f2=pattern))
        assert found.column("db_schema_name").to_pylist() == expected


def test_tables_by_each_filter(raw: Raw) -> None:
    whole = tables(raw).to_pylist()
    names = [(row["db_schema_name"], row["table_name"], row["table_type"]) for row in whole]
    assert names == sorted(names)
    assert ("main", "cheap", "VIEW") in names and ("main", "sales", "TABLE") in names
    system = [name for schema, name, kind in names if (schema, kind) == ("lake", "SYSTEM TABLE")]
    assert system == sorted(SYSTEM_VIEWS)
    for field, text, expected in (
        (1, "", []),
        (2, "main", ["cheap", "sales"]),
        (3, "s_les", ["sales"]),
        (3, "%heap%", ["cheap"]),
        (3, "sal", []),
        (4, "VIEW", ["cheap"]),
        (4, "TABLE", ["sales"]),
        (4, "nothing", []),
    ):
        found = tables(raw, length_field(field, text.encode()), length_field(2, b"main"))
        assert found.column("table_name").to_pylist() == expected, (field, text)


def test_a_schema_is_what_select_returns(lake: Lake, raw: Raw) -> None:
    """Also of a dataset of which only its objects know the columns."""
    parquet = lake.sql("SELECT 1::UTINYINT AS a, [1.5] AS b", format="parquet").body
    assert lake.put("raw/unknown.parquet", parquet).status == 200
    assert lake.register("unknown", "raw/unknown.parquet").status == 200
    typed = b'{"t": "2024-01-02T03:04:05Z", "n": {"x": [1]}, "d": 1.5}\n'
    sent = lake.ingest("name=typed", typed, {"Content-Type": "application/x-ndjson"}.items())
    assert sent.status == 200, sent
    for row in tables(raw, number_field(5, 1)).to_pylist():
        name = f'{row["db_schema_name"]}."{row["table_name"]}"'
        described = pa.ipc.read_schema(pa.py_buffer(row["table_schema"]))
        assert described.remove_metadata() == raw.schema(statement(f"SELECT * FROM {name}")), name
        assert len(described) > 0
        for field in described:
            assert field.metadata[b"ARROW:FLIGHT:SQL:TABLE_NAME"] == row["table_name"].encode()


def test_metadata_has_its_moment_and_its_profile(lake: Lake) -> None:
    with Raw(lake.flight_port, x_as_of="0") as past:
        assert tables(past, length_field(2, b"main")).num_rows == 0
    alias = {"names": {"bargains": {"to": "cheap"}}, "others": "hidden"}
    assert lake.ask("PUT", "/v1/catalog/profile/shop", alias).status == 200
    with Raw(lake.flight_port, x_profile="shop") as shop:
        found = tables(shop, length_field(2, b"main"), number_field(5, 1))
        assert found.column("table_name").to_pylist() == ["bargains"]


def names_of(objects: list[Any], depth: str) -> list[str]:
    """The names of an ADBC answer down to a depth, each with dots."""
    found = []
    for catalog in objects:
        found.append(catalog["catalog_name"])
        for schema in catalog["catalog_db_schemas"] or ():
            prefix = f"{catalog['catalog_name']}.{schema['db_schema_name']}"
            found.append(prefix)
            for table in schema["db_schema_tables"] or ():
                found.append(f"{prefix}.{table['table_name']}")
                for column in table["table_columns"] or ():
                    found.append(f"{prefix}.{table['table_name']}.{column['column_name']}")
    return found


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        ("catalogs", ["lake"]),
        ("db_schemas", ["lake", "lake.main"]),
        ("tables", ["lake", "lake.main", "lake.main.sales"]),
        (
            "columns",
            ["lake", "lake.main", "lake.main.sales"]
            + [f"lake.main.sales.{name}" for name in ("id", "item", "price")],
        ),
    ],
)
def test_adbc_lists_objects_at_each_depth(lake: Lake, depth: str, expected: list[str]) -> None:
    filters = {"db_schema_filter": "main", "table_name_filter": "sales"}
    given = {name: each for name, each in filters.items() if depth != "catalogs"}
    given = (
        given if depth in ("tables", "columns") else {k: v for k, v in given.items() if "db" in k}
    )
    with adbc(lake) as connection:
        found = connection.adbc_get_objects(depth=depth, **given).read_all().to_pylist()
    assert names_of(found, depth) == expected
    if depth == "columns":
        columns = found[0]["catalog_db_schemas"][0]["db_schema_tables"][0]["table_columns"]
        assert [each["xdbc_type_name"] for each in columns] == ["BIGINT", "VARCHAR", "DOUBLE"]
        assert [each["ordinal_position"] for each in columns] == [1, 2, 3]


def test_adbc_asks_for_a_table_and_the_server(lake: Lake) -> None:
    with adbc(lake) as connection:
        schema = connection.adbc_get_table_schema("sales", db_schema_filter="main")
        assert schema.names == ["id", "item", "price"]
        assert connection.adbc_get_table_types() == ["SYSTEM TABLE", "TABLE", "VIEW"]
        info = connection.adbc_get_info()
        assert (info["vendor_name"], info["vendor_version"]) == ("lakehouse", "0.1.0")


def test_information_by_number(raw: Raw) -> None:
    from lakehouse.flight.commands import pack

    numbers = b"".join(number_field(1, each) for each in (3, 0, 99_999))
    found = raw.table(pack("CommandGetSqlInfo", numbers)).to_pylist()
    assert found == [{"info_name": 3, "value": True}, {"info_name": 0, "value": "lakehouse"}]
    packed = length_field(1, bytes((3, 0)))
    assert raw.table(pack("CommandGetSqlInfo", packed)).to_pylist() == found
    types = raw.table(pack("CommandGetXdbcTypeInfo", number_field(1, (1 << 64) - 5)))
    assert types.column("type_name").to_pylist() == ["BIGINT", "UBIGINT"]
    every = raw.table(metadata("CommandGetXdbcTypeInfo")).to_pylist()
    assert [(row["data_type"], row["type_name"]) for row in every] == sorted(
        (row["data_type"], row["type_name"]) for row in every
    )


def test_every_name_that_is_listed_can_be_selected_over_both_doors(lake: Lake, raw: Raw) -> None:
    for row in tables(raw).to_pylist():
        name = ".".join(
            f'"{row[part]}"' for part in ("catalog_name", "db_schema_name", "table_name")
        )
        sql = f"SELECT count(*) AS n FROM {name}"
        assert raw.table(statement(sql)).column_names == ["n"], name
        assert lake.sql(sql).status == 200, name
