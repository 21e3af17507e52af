"""What this server is and offers, as CommandGetSqlInfo answers it. Pure.

Numbers and values: SqlInfo in format/FlightSql.proto. Must never claim what was not tried.
"""

from collections.abc import Iterable
from importlib.metadata import version

import pyarrow as pa

_VALUES = pa.dense_union(
    [
        pa.field("string_value", pa.string()),
        pa.field("bool_value", pa.bool_()),
        pa.field("bigint_value", pa.int64()),
        pa.field("int32_bitmask", pa.int32()),
        pa.field("string_list", pa.list_(pa.field("string_data", pa.string()))),
        pa.field(
            "int32_to_int32_list_map",
            pa.map_(pa.int32(), pa.list_(pa.field("$data$", pa.int32()))),
        ),
    ]
)
SCHEMA = pa.schema(
    [
        pa.field("info_name", pa.uint32(), nullable=False),
        pa.field("value", _VALUES, nullable=True),
    ]
)
_STRING, _BOOL, _BIGINT, _BITMASK = range(4)
_INSENSITIVE, _NULLS_AT_END, _ALL_JOINS = 1, 3, 0b111
_SUBQUERIES, _UNIONS, _ENTRY_LEVEL = 0b1111, 0b11, 0b1
_GROUP_BY = 0b11
_SERIALIZABLE = 4


def _known() -> dict[int, tuple[int, str | bool | int]]:
    """The values by their numbers: which member of the union, and its value."""
    return {
        0: (_STRING, "lakehouse"),
        1: (_STRING, version("lakehouse")),
        2: (_STRING, version("pyarrow")),
        3: (_BOOL, True),  # read only
        4: (_BOOL, True),  # SQL
        5: (_BOOL, False),  # Substrait
        8: (_BITMASK, 0),  # transactions: none
        9: (_BOOL, True),  # cancel
        100: (_BITMASK, 0),  # a prepared statement does not expire
        101: (_BITMASK, 0),
        500: (_BOOL, False),  # CREATE and DROP of catalogs, schemas, tables
        501: (_BOOL, False),
        502: (_BOOL, False),
        503: (_BITMASK, _INSENSITIVE),
        504: (_STRING, '"'),
        505: (_BITMASK, _INSENSITIVE),
        506: (_BOOL, True),  # all tables that are listed can be selected
        507: (_BITMASK, _NULLS_AT_END),
        515: (_BOOL, True),  # AS
        516: (_BOOL, True),  # NULL || 'a' is NULL
        518: (_BOOL, True),
        519: (_BOOL, False),
        520: (_BOOL, True),
        521: (_BOOL, True),
        522: (_BITMASK, _GROUP_BY),
        523: (_BOOL, True),  # LIKE … ESCAPE
        524: (_BOOL, False),  # NOT NULL
        526: (_BITMASK, _ENTRY_LEVEL),
        528: (_BITMASK, _ALL_JOINS),
        529: (_STRING, "schema"),
        531: (_STRING, "catalog"),
        532: (_BOOL, True),
        572: (_BOOL, False),
        573: (_BOOL, False),
        574: (_BOOL, False),
    }


def table(numbers: Iterable[int]) -> pa.Table:
    """The values of these numbers, all without any; unknown numbers have no row."""
    known = _known()
    wanted = list(dict.fromkeys(numbers)) or sorted(known)
    found = [number for number in wanted if number in known]
    kinds = [known[number][0] for number in found]
    children, offsets = [], []
    for kind in range(_VALUES.num_fields):
        values = [known[number][1] for number in found if known[number][0] == kind]
        children.append(pa.array(values, _VALUES.field(kind).type))
    counts = [0] * _VALUES.num_fields
    for kind in kinds:
        offsets.append(counts[kind])
        counts[kind] += 1
    names = [field.name for field in _VALUES]
    union = pa.UnionArray.from_dense(
        pa.array(kinds, pa.int8()), pa.array(offsets, pa.int32()), children, names
    )
    return pa.table([pa.array(found, pa.uint32()), union], schema=SCHEMA)
