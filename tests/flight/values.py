"""A value of each type: SQL of DuckDB's types for results, and Arrow for parameters."""

import datetime as dt
import uuid
from decimal import Decimal

import pyarrow as pa

EVERY_TYPE = (
    "true",
    "(-128)::TINYINT",
    "(-32768)::SMALLINT",
    "(-2147483648)::INTEGER",
    "(-9223372036854775808)::BIGINT",
    "255::UTINYINT",
    "65535::USMALLINT",
    "4294967295::UINTEGER",
    "18446744073709551615::UBIGINT",
    "99999999999999999999999999999999999999::HUGEINT",
    "340282366920938463463374607431768211455::UHUGEINT",
    "123456789012345678901234567890123456789012345::BIGNUM",
    "1.5::FLOAT",
    "'-inf'::DOUBLE",
    "12.34::DECIMAL(4, 2)",
    "12345678901234567890123456789012345.678::DECIMAL(38, 3)",
    "'Grüße 🎉'",
    "'\\x00\\xFF'::BLOB",
    "'101'::BIT",
    "'0001-01-01'::DATE",
    "'23:59:59.999999'::TIME",
    "'23:59:59.999999999'::TIME_NS",
    "'23:59:59+02'::TIMETZ",
    "'1969-12-31 23:59:59'::TIMESTAMP_S",
    "'1969-12-31 23:59:59.999'::TIMESTAMP_MS",
    "'1969-12-31 23:59:59.999999'::TIMESTAMP",
    "'1969-12-31 23:59:59.999999999'::TIMESTAMP_NS",
    "'1969-12-31 23:59:59.999999+01'::TIMESTAMPTZ",
    "INTERVAL '2 months 3 days 4 microseconds'",
    "'00000000-0000-0000-0000-0000000000ff'::UUID",
    "'a'::ENUM('a', 'b')",
    "[1, NULL, 3]",
    "[[true], [], NULL]",
    "[1.5, 2.5]::FLOAT[2]",
    "{'a b': 1, 'c': [true]}",
    "MAP {'k': 1::HUGEINT}",
    "union_value(n := 1)",
    "'{\"a\": 1}'::JSON",
    "42::VARIANT",
)
"""Each is also asked beside a NULL."""

PARAMETERS = (
    pa.array([True]),
    pa.array([-128], pa.int8()),
    pa.array([-32768], pa.int16()),
    pa.array([-(2**31)], pa.int32()),
    pa.array([-(2**63)], pa.int64()),
    pa.array([255], pa.uint8()),
    pa.array([65535], pa.uint16()),
    pa.array([2**32 - 1], pa.uint32()),
    pa.array([2**64 - 1], pa.uint64()),
    pa.array([1.5], pa.float32()),
    pa.array([0.1], pa.float64()),
    pa.array([float("nan")], pa.float64()),
    pa.array([float("-inf")], pa.float64()),
    pa.array([Decimal("-1.50")], pa.decimal128(5, 2)),
    pa.array([Decimal("12345678901234567890123456789012345.678")], pa.decimal128(38, 3)),
    pa.array(["it's “quoted” \\ ''"]),
    pa.array([""], pa.large_string()),
    pa.array([b"\x00\xff'"]),
    pa.array([b"abcd"], pa.binary(4)),
    pa.array([b"x"], pa.large_binary()),
    pa.array([dt.date(1, 1, 1)]),
    pa.array([dt.date(2024, 2, 29)], pa.date64()),
    pa.array([dt.time(23, 59, 59)], pa.time32("s")),
    pa.array([dt.time(23, 59, 59, 999999)]),
    pa.array([dt.datetime(1969, 12, 31, 23, 59, 59)], pa.timestamp("s")),  # noqa: DTZ001
    pa.array([-1], pa.timestamp("ms")),
    pa.array([-1], pa.timestamp("us")),
    pa.array([-1], pa.timestamp("ns")),
    pa.array([1_700_000_000_123_456], pa.timestamp("us", "UTC")),
    pa.array([pa.MonthDayNano([1, -2, 3000])]),
    pa.array([None], pa.null()),
    pa.array([None], pa.int32()),
    pa.array(["a"]).dictionary_encode(),
    pa.array([[1, None, 3]]),
    pa.array([["a,b", 'it\'s "q" \\ x', None, "", " s ", "NULL", "[x]", "{", "ü\n"]]),
    pa.array([[["a"], [], None]]),
    pa.array([[b"\x00a\\", b"b"]]),
    pa.array([[dt.date(2024, 1, 1)]]),
    pa.array([[1.5, 2.5]], pa.list_(pa.float32(), 2)),
    pa.array([{"a b": 1, "c": "x, y"}]),
    pa.array([[("k=1", "v"), ("k2", None)]], pa.map_(pa.string(), pa.string())),
    pa.array([[{"x": [1, 2], "y": {"z": "q"}}]]),
    pa.ExtensionArray.from_storage(pa.uuid(), pa.array([uuid.UUID(int=255).bytes], pa.binary(16))),
)
"""One row each."""

AS_TEXT = {
    pa.month_day_nano_interval(): ["1 month -2 days 00:00:00.000003"],
    pa.uuid(): ["00000000-0000-0000-0000-0000000000ff"],
}
"""Results of these types are texts in Arrow, over HTTP as well."""
