"""Datasets with a history, for engines to read: every kind of change, type and value that is served."""

import datetime as dt
import io
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.client import request
from lakehouse.client.lake import Lake


def corpus(lake: Lake) -> None:
    """Datasets with a history: every kind of change, type and value that is served."""
    csv = b"id,name,price,day,at\n1,a,1.5,2026-01-02,2026-01-02T03:04:05\n"
    csv += b"2,\xc3\xa4,,1960-05-06,1960-05-06T07:08:09.123456\n"
    lake.ingest(csv, "plain")
    lake.ingest(b"name,id,price,day,at\nb,3,2.5,,\n", "plain", "append")
    lake.ingest(b"id,name,price,day,at,more\n4,c,,,,x\n", "plain", "append", schema_change="widen")
    lake.ingest(b"a\n1\n2\n", "retyped")
    lake.ingest(b"a\nx\n", "retyped", schema_change="replace")
    lake.ingest(parquet(a=pa.array([1, 2], pa.int32())), "widened", format="parquet")
    more = parquet(a=pa.array([2**40], pa.int64()))
    lake.ingest(more, "widened", "append", format="parquet", schema_change="widen")
    lake.ingest(b"n\n1\n", "reborn")
    lake.dataset("reborn").drop()
    lake.ingest(b"n\n2\n", "reborn")
    for number in range(70):
        lake.ingest(f"n\n{number}\n".encode(), "many", "append")
    first = lake.dataset("many").history()[0].seq
    lake.dataset("many").restore(first + 9)
    lake.ingest(VALUES, "values_of_all_types")
    lake.ingest(parquet(**EVERY_TYPE), "every_type", format="parquet")
    lake.http.json(change("/v1/catalog/compact", name="every_type"), dict)
    lake.ingest(pa.table({"none": pa.array([], pa.int64())}), "empty")
    lake.ingest(
        parquet(**{'a.b "c" ü': [1, None], "select": ["x", "y"]}), "odd_names", format="parquet"
    )
    lake.ingest(b"g,v\n1,a\n1,b\n2,c\n", "edited")
    lake.http.json(change("/v1/catalog/delete", name="edited", where="g = 1 AND v = 'a'"), dict)
    lake.http.json(
        change("/v1/catalog/update", name="edited", set={"v": "upper(v)"}, where="g = 2"), dict
    )
    lake.ingest(b"g,v\n2,merged\n9,new\n", "edited", "merge", key="g")
    for number in range(5):
        lake.ingest(f"n\n{number}\n".encode(), "compacted", "append")
    lake.http.json(change("/v1/catalog/compact", name="compacted"), dict)
    lake.ingest(b"n\n1\n", "old_name")
    lake.dataset("old_name").rename("new_name")
    lake.ingest(b"n\n2\n", "new_name", "append")
    lake.ingest(b"n\n1\n", "dropped")
    lake.dataset("dropped").drop()


VALUES = [
    {
        "b": True,
        "i": -(2**62),
        "f": math.nan,
        "d": Decimal("12345678901234567890.1234"),
        "s": "ü" * 40,
        "x": b"\x00\xff",
        "day": dt.date(1900, 2, 28),
        "t": dt.time(1, 2, 3, 4),
        "at": dt.datetime(1969, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001
        "z": dt.datetime(2026, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=5))),
        "l": [1, None, 3],
        "r": {"p": 1, "q": ["a", None]},
    },
    dict.fromkeys(["b", "i", "f", "d", "s", "x", "day", "t", "at", "z", "l", "r"]),
    {"f": math.inf, "s": "", "l": [], "r": {"p": None, "q": None}},
]

_DAY = dt.date(1969, 7, 20)
_MOMENT = dt.datetime(1969, 7, 20, 20, 17, 40, 123456)  # noqa: DTZ001
_WHOLE = _MOMENT.replace(microsecond=0)
EVERY_TYPE = {
    "bool": pa.array([True, None]),
    "int8": pa.array([-128, None], pa.int8()),
    "int16": pa.array([-(2**15), None], pa.int16()),
    "int32": pa.array([-(2**31), None], pa.int32()),
    "int64": pa.array([-(2**63), None], pa.int64()),
    "uint8": pa.array([255, None], pa.uint8()),
    "uint16": pa.array([2**16 - 1, None], pa.uint16()),
    "float": pa.array([1.5, None], pa.float32()),
    "double": pa.array([math.pi, None]),
    "decimal": pa.array([Decimal("-1.5"), None], pa.decimal128(9, 4)),
    "wide_decimal": pa.array([Decimal("9" * 34 + ".9999"), None], pa.decimal128(38, 4)),
    "string": pa.array(["\U0001f600" * 20, None]),
    "large_string": pa.array(["", None], pa.large_string()),
    "code": pa.array(["red", None]).dictionary_encode(),
    "binary": pa.array([b"\x00\xff", None]),
    "date": pa.array([_DAY, None]),
    "time": pa.array([dt.time(23, 59, 59, 999999), None], pa.time64("us")),
    "at_s": pa.array([_WHOLE, None], pa.timestamp("s")),
    "at_ms": pa.array([_WHOLE, None], pa.timestamp("ms")),
    "at_us": pa.array([_MOMENT, None], pa.timestamp("us")),
    "zoned": pa.array([_MOMENT, None], pa.timestamp("us", "UTC")),
    "list": pa.array([[1, None], None], pa.list_(pa.int64())),
    "struct": pa.array([{"p": 1, "q": ["a"]}, None]),
    "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
}
"""A column of each type that is served, as others write it; compaction gives it ids."""


def parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def change(path: str, **body: Any) -> Any:
    return request.change("POST", path, body)
