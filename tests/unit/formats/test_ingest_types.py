"""Section 4's table of types: each row at its boundaries, and against a slow reading of it."""

import pyarrow as pa
import pytest
from slow_readings import types_of_value

from lakehouse.formats.inference import Findings, judge
from lakehouse.formats.types import TYPES, cast

# Type: the values at its boundaries, inside and outside, divided by bars.
TABLE: dict[str, tuple[str, str]] = {
    "bool": (
        "true|false|TRUE|FALSE|True|False",
        "tRUE|t|yes|0|1| true|true |truee|TrUe|",
    ),
    "int64": (
        "0|7|-1|10|9223372036854775807|-9223372036854775808",
        "9223372036854775808|-9223372036854775809|007|+1|1_000| 5|5 |-0|0x1F|1.0|--1|-|"
        "1e3|٣|١٢|1\n|00|-01|",
    ),
    "double": (
        "1.5|-1.50|0.0|1e5|1E+05|1e-5|-0.0|-0e5|0e999999999999999999999|"
        "123456789012345.0|0.00123456789012345|12345678901234500000.0|1e-307|"
        "9.99999999999999e307|-9.99999999999999e307|0.1e-306|0.000|100e305|0.00001e312",
        "-0|1.|.5|01.5|+1.5|1,5|nan|inf|Infinity|1e|1e+|0x1p3|1234567890123456.1|"
        "0.1234567890123456|1000000000000000.5|1e308|-1e308|9.99999999999999e-308|"
        "1e-400|1e400|1e-99999999999999999999|5e-324|0.0001e312|1.5 | 1.5|1.5f|1_0.5|"
        "1.5\n|1.5\n2.5|1e5.0|00.5|-00.5|",
    ),
    "date32[day]": (
        "2024-02-29|0001-01-01|9999-12-31|2000-02-29|1969-12-31",
        "2023-02-29|1900-02-29|0000-12-31|2024-13-01|2024-00-10|2024-04-31|2024-1-05|"
        "20240105|24-01-05|10000-01-01|2024/01/05|2024-01-05 ||-2024-01-05|+2024-01-05|"
        "2024-01-05T|2024-W01-1|2024-01-00|２024-01-05",
    ),
    "timestamp[us]": (
        "2024-02-29T00:00|2024-02-29 23:59:59|2024-02-29T23:59:59.1|"
        "0001-01-01T00:00:00.000001|9999-12-31 23:59:59.999999",
        "2024-02-29T24:00|2024-02-29T23:60|2024-02-29T23:59:60|2024-02-29  00:00|"
        "2024-02-29t00:00|2024-02-29T00|2024-02-29T0:00|2024-02-29T00:00:00.|"
        "2024-02-29T00:00:00.1234567|2023-02-29T00:00|0000-01-01T00:00|2024-02-29|"
        "2024-02-29T00:00Z|2024-02-29T00:00.5|2024-02-29T00:00:00,5|20240229T0000|"
        "2024-02-29T0000|2024-02-29T00:00 |10000-01-01T00:00|2024-02-29\t00:00|",
    ),
    "timestamp[us, tz=UTC]": (
        "2024-02-29T00:00Z|2024-02-29 23:59:59.123456Z|2024-02-29T00:00:00+01:00|"
        "2024-02-29T00:00+0100|2024-02-29T00:00-23:59|2024-02-29T00:00+23:59|"
        "0001-01-01T00:00-00:01|9999-12-31T23:59:59.999999+00:01|0001-01-01T00:00Z|"
        "2024-02-29T00:00-00:00|9999-12-31T23:59:59.999999Z",
        "2024-02-29T00:00z|2024-02-29T00:00+24:00|2024-02-29T00:00+01:60|"
        "2024-02-29T00:00|2024-02-29T00:00+01|2024-02-29T00:00 Z|2024-02-29T00:00ZZ|"
        "2024-02-29Z|0001-01-01T00:00+00:01|9999-12-31T23:59-00:01|2023-02-29T00:00Z|"
        "T00:00Z|2024-02-29T00:00UTC|2024-02-29T00:00+1:00|2024-02-29T00:00+010|"
        "0000-12-31T23:59:59-12:00|0000-12-31T12:00-2359|",
    ),
}
ALL = tuple(TYPES)
INSIDE = [(name, value) for name, (inside, _) in TABLE.items() for value in inside.split("|")]
OUTSIDE = [(name, value) for name, (_, outside) in TABLE.items() for value in outside.split("|")]
EDGES = sorted({value for _, value in INSIDE + OUTSIDE})


@pytest.mark.parametrize(("name", "value"), INSIDE)
def test_value_inside_its_row_holds(name: str, value: str) -> None:
    assert name in _judged([value])


@pytest.mark.parametrize(("name", "value"), OUTSIDE)
def test_value_outside_its_row_does_not_hold(name: str, value: str) -> None:
    assert name not in _judged([value])


@pytest.mark.parametrize(("name", "value"), INSIDE + OUTSIDE)
def test_the_last_of_many_values_counts_as_the_first(name: str, value: str) -> None:
    fitting = TABLE[name][0].partition("|")[0]
    assert (name in _judged([fitting] * 200 + [value])) == ((name, value) in INSIDE)


@pytest.mark.parametrize("value", EDGES)
def test_slow_reading_agrees_at_every_edge(value: str) -> None:
    assert _judged([value]) == types_of_value(value)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T01:00:00.5+01:00", 500_000),
        ("1969-12-31 23:59:59.9-0030", 1_799_900_000),
        ("0001-01-01T00:00Z", -62_135_596_800_000_000),
    ],
)
def test_instant_is_kept_and_offset_is_not(text: str, microseconds: int) -> None:
    (read,) = cast(pa.array([text]), "timestamp[us, tz=UTC]").cast(pa.int64()).to_pylist()
    assert read == microseconds


def _judged(values: list[str]) -> set[str]:
    batch = pa.record_batch({"c": pa.array(values, pa.string())})
    # Each type alone, since a found type ends the search for another.
    return {
        name
        for name in ALL
        if name in judge(batch, Findings(((name, "string"),), (False,)))[0].types[0]
    }
