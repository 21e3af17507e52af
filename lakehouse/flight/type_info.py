"""The types of SQL, as CommandGetXdbcTypeInfo answers them. Pure.

Codes: XdbcDataType in format/FlightSql.proto, which are those of JDBC and ODBC.
"""

from typing import Any

import msgspec
import pyarrow as pa

_INT, _TEXT, _BOOL = pa.int32(), pa.string(), pa.bool_()


def _field(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


SCHEMA = pa.schema(
    [
        _field("type_name", _TEXT),
        _field("data_type", _INT),
        ("column_size", _INT),
        ("literal_prefix", _TEXT),
        ("literal_suffix", _TEXT),
        ("create_params", pa.list_(_field("item", _TEXT))),
        _field("nullable", _INT),
        _field("case_sensitive", _BOOL),
        _field("searchable", _INT),
        ("unsigned_attribute", _BOOL),
        _field("fixed_prec_scale", _BOOL),
        ("auto_increment", _BOOL),
        ("local_type_name", _TEXT),
        ("minimum_scale", _INT),
        ("maximum_scale", _INT),
        _field("sql_data_type", _INT),
        ("datetime_subcode", _INT),
        ("num_prec_radix", _INT),
        ("interval_precision", _INT),
    ]
)
_NULLABLE = 1
_BASIC, _FULL = 2, 3
_DATETIME = 9


class _Type(msgspec.Struct, frozen=True):
    name: str
    code: int
    size: int | None = None
    quoted: bool = False
    parameters: tuple[str, ...] | None = None
    unsigned: bool | None = None
    scales: tuple[int, int] | None = None
    radix: int | None = None
    subcode: int | None = None


_TYPES = (
    _Type("TINYINT", -6, 3, unsigned=False, scales=(0, 0), radix=10),
    _Type("UTINYINT", -6, 3, unsigned=True, scales=(0, 0), radix=10),
    _Type("BIGINT", -5, 19, unsigned=False, scales=(0, 0), radix=10),
    _Type("UBIGINT", -5, 20, unsigned=True, scales=(0, 0), radix=10),
    _Type("BLOB", -3, quoted=True),
    _Type("BOOLEAN", -7, 1),
    _Type("DECIMAL", 3, 38, False, ("precision", "scale"), False, (0, 38), 10),
    _Type("HUGEINT", 3, 38, unsigned=False, scales=(0, 0), radix=10),
    _Type("INTEGER", 4, 10, unsigned=False, scales=(0, 0), radix=10),
    _Type("UINTEGER", 4, 10, unsigned=True, scales=(0, 0), radix=10),
    _Type("SMALLINT", 5, 5, unsigned=False, scales=(0, 0), radix=10),
    _Type("USMALLINT", 5, 5, unsigned=True, scales=(0, 0), radix=10),
    _Type("FLOAT", 7, 24, unsigned=False, radix=2),
    _Type("DOUBLE", 8, 53, unsigned=False, radix=2),
    _Type("VARCHAR", 12, quoted=True),
    _Type("DATE", 91, 10, quoted=True, subcode=1),
    _Type("TIME", 92, 15, quoted=True, subcode=2),
    _Type("TIMESTAMP", 93, 26, quoted=True, subcode=3),
    _Type("TIMESTAMP WITH TIME ZONE", 93, 32, quoted=True, subcode=5),
)


def table(code: int | None) -> pa.Table:
    """All types, or those of one code, by code and then by name."""
    found = [each for each in _TYPES if code is None or each.code == code]
    rows = [_row(each) for each in sorted(found, key=lambda each: (each.code, each.name))]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _row(each: _Type) -> dict[str, Any]:
    mark = "'" if each.quoted else None
    return {
        "type_name": each.name,
        "data_type": each.code,
        "column_size": each.size,
        "literal_prefix": mark,
        "literal_suffix": mark,
        "create_params": each.parameters,
        "nullable": _NULLABLE,
        "case_sensitive": each.name == "VARCHAR",
        "searchable": _FULL if each.name == "VARCHAR" else _BASIC,
        "unsigned_attribute": each.unsigned,
        "fixed_prec_scale": each.scales == (0, 0),
        "auto_increment": None if each.unsigned is None else False,
        "local_type_name": each.name,
        "minimum_scale": each.scales[0] if each.scales else None,
        "maximum_scale": each.scales[1] if each.scales else None,
        "sql_data_type": each.code if each.subcode is None else _DATETIME,
        "datetime_subcode": each.subcode,
        "num_prec_radix": each.radix,
        "interval_precision": None,
    }
