"""Section 4's table of types: each row at its boundaries, and against a slow reading of it."""

import math
import random
import struct
from pathlib import Path

import pyarrow as pa
import pytest
from ingest_files import by_pyarrow, parsed, types_of
from slow_readings import types_of_value
from type_table import ALL, EDGES, INSIDE, OUTSIDE, TABLE

from lakehouse.formats.types.inference import TypeCandidates, narrow
from lakehouse.formats.types.table import cast


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
        if name in narrow(batch, TypeCandidates(((name, "string"),), (False,)))[0].types[0]
    }


def test_doubles_that_a_program_printed_come_back_bit_for_bit(tmp_path: Path) -> None:
    rng = random.Random(13)
    patterns = [struct.pack("<Q", rng.getrandbits(64)) for _ in range(10_000)]
    drawn = [struct.unpack("<d", each)[0] for each in patterns]
    numbers = [each for each in drawn if math.isfinite(each) and each != 0]
    result = parsed("\n".join(["x", *map(repr, numbers)]).encode() + b"\n", tmp_path)
    assert types_of(result) == {"x": "double"}
    read = [row[0] for row in by_pyarrow(result)]
    assert [struct.pack("<d", each) for each in read] == [struct.pack("<d", n) for n in numbers]
