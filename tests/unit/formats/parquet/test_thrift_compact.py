"""Thrift's compact protocol: footers of other writers come back byte for byte, damage is refused."""

import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.formats.parquet.thrift_compact import decoded, encoded

TABLE = pa.table(
    {
        "i": pa.array([1, None, -3], pa.int64()),
        "s": ["a", "ü", None],
        "d": [date(2026, 1, 1), None, date(1, 1, 1)],
        "f": [0.0, -0.0, None],
        "n": [[{"k": 1}], [], None],
        "m": [Decimal("1.50"), None, Decimal("-2.25")],
        "b": [True, False, None],
        **{f"c{number}": [number] * 3 for number in range(20)},
    }
)


def footer(path: Path) -> bytes:
    body = path.read_bytes()
    length = int.from_bytes(body[-8:-4], "little")
    return body[-8 - length : -8]


def footers(directory: Path) -> list[bytes]:
    """What pyarrow and DuckDB write, with and without what is optional."""
    paths = [directory / f"{number}.parquet" for number in range(4)]
    pq.write_table(TABLE, paths[0])
    sorting = [pq.SortingColumn(0, descending=True)]
    options = {"write_page_index": True, "sorting_columns": sorting, "row_group_size": 1}
    pq.write_table(TABLE, paths[1], compression="zstd", **options)
    many = pa.table({"x": range(4_000)})
    pq.write_table(many, paths[2], row_group_size=100, store_schema=False)
    duckdb.execute(f"COPY (SELECT range x, 'a' || range y FROM range(5000)) TO '{paths[3]}'")
    return list(map(footer, paths))


def test_a_footer_comes_back_byte_for_byte(tmp_path: Path) -> None:
    for body in footers(tmp_path):
        assert encoded(decoded(body)) == body


def test_what_is_cut_off_is_refused(tmp_path: Path) -> None:
    body = footers(tmp_path)[0]
    for length in range(0, len(body), 13):
        with pytest.raises(ValueError):
            decoded(body[:length])
    with pytest.raises(ValueError, match="bytes follow"):
        decoded(body + b"\0")


def test_damage_is_refused_or_read_and_never_anything_else(tmp_path: Path) -> None:
    chance = random.Random(7)
    for body in footers(tmp_path)[:2]:
        for _ in range(200):
            damaged = bytearray(body)
            damaged[chance.randrange(len(body))] = chance.randrange(256)
            try:
                decoded(bytes(damaged))
            except ValueError:
                continue


def test_depth_and_counts_are_bounded() -> None:
    with pytest.raises(ValueError, match="nested"):
        decoded(b"\x1c" * 10_000)
    with pytest.raises(ValueError, match="fewer elements"):
        decoded(b"\x19\xfc\xff\xff\xff\xff\x0f")


def test_flags_maps_and_far_fields() -> None:
    struct = {
        1: (1, True),
        2: (2, False),
        40: (9, (1, [True, False])),
        41: (11, (8, 5, [(b"a", -1), (b"b", 1 << 30)])),
        42: (11, (0, 0, [])),
        300: (3, b"\x7f"),
        301: (7, b"12345678"),
    }
    assert decoded(encoded(struct)) == struct
