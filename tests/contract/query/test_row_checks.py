"""Checks of a file's rows before they replace others, by a real worker."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ingest_files import parsed

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.options import Options
from lakehouse.formats.reader import ReadRequest
from lakehouse.service.caller import Caller
from lakehouse.service.ingest import row_checks
from lakehouse.service.ingest.memory import IngestMemory
from lakehouse.service.ingest.row_checks import NAMED, RowChecks

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLER = Caller("ana", 0.0)


class Checked:
    """One file, and what the checks say of it."""

    def __init__(self, lake: Any, data: bytes, into: Path, **given: Any) -> None:
        limits = given.pop("limits", IngestLimits())
        read = parsed(data, into, limits=limits, **given)
        request = ReadRequest(
            source=into / "source",
            content_encoding=None,
            options=Options(**given),
            contract=None,
            work_dir=lambda: into,
            limits=limits,
        )
        self.pool = ThreadPoolExecutor(1)
        self.checks = RowChecks(
            lake.engine, self.pool, IngestMemory(1 << 30), CALLER, read, request
        )

    async def key(self, *key: str) -> Refused | None:
        return await self._refusal(self.checks.refuse_bad_keys(key))

    async def outside(self, where: str) -> Refused | None:
        return await self._refusal(self.checks.refuse_outside(where, "2026-11-26T00:00:00.000000Z"))

    async def _refusal(self, check: Any) -> Refused | None:
        with self.pool:
            try:
                await check
            except RefusedError as error:
                return error.refused
        return None


@pytest.fixture
def check(lake: Any, tmp_path: Path) -> Callable[..., Checked]:
    def checked(data: bytes, **given: Any) -> Checked:
        return Checked(lake, data, tmp_path / "file", **given)

    return checked


Check = Callable[..., Checked]


async def test_a_key_that_identifies_each_row_is_fine(check: Check) -> None:
    assert await check(b"id,day\n1,a\n1,b\n2,a\n").key("id", "day") is None
    assert await check(b"id,day\n").key("id") is None


async def test_rows_with_one_key_are_named_by_their_lines(check: Check) -> None:
    refused = await check(b'id,x\n1,"a\nb"\n\n2,c\n1,d\n3,e\n2,f\n1,g\n').key("id")

    assert refused is not None
    assert refused.code == "duplicate_key"
    assert refused.detail == "lines 2, 6 and 9 have the same key (id), and 1 more keys"
    assert [each["lines"] for each in refused.errors] == [[2, 6, 9], [5, 8]]
    assert [each["line"] for each in refused.errors] == [9, 8]


async def test_null_in_a_key_is_named_by_its_line_before_duplicates(check: Check) -> None:
    refused = await check(b"id,day\n1,a\n1,a\n,b\n2,\n").key("id", "day")

    assert refused is not None
    assert refused.code == "null_key"
    assert refused.detail == "lines 4 and 5: null in the key (id, day)"
    assert [each["line"] for each in refused.errors] == [4, 5]


async def test_rows_of_parquet_have_numbers(check: Check, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [5, 6, 5]}), tmp_path / "made")
    refused = await check((tmp_path / "made").read_bytes(), format="parquet").key("id")

    assert refused is not None
    assert refused.errors[0]["rows"] == [1, 3]
    assert refused.detail == "rows 1 and 3 have the same key (id)"


async def test_lines_are_right_where_a_file_became_several(check: Check) -> None:
    limits = IngestLimits(file_bytes=1, row_group_rows=3, block_bytes=64)
    data = b"id\n" + b"".join(b"%d\n" % (number % 20) for number in range(40))
    refused = await check(data, limits=limits).key("id")

    assert refused is not None
    assert [each["lines"] for each in refused.errors] == [[n + 2, n + 22] for n in range(20)]


@pytest.mark.parametrize("at_once", [1, 7, 1_000])
async def test_keys_that_are_compared_in_parts_are_named_alike(
    check: Check, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(row_checks, "KEYS_AT_ONCE", at_once)
    numbers = ["0.5", "-0.0", "1.5", "2.5", "0.0", "1.5", "3.5", "0.5", "7.5"]
    refused = await check("\n".join(["id", *numbers, ""]).encode()).key("id")

    assert refused is not None
    assert [each["lines"] for each in refused.errors] == [[2, 9], [3, 6], [4, 7]]


async def test_a_refusal_names_a_bounded_number_of_rows(check: Check) -> None:
    refused = await check(b"id\n" + b"1\n" * 5_000).key("id")
    assert refused is not None
    assert len(refused.errors) == 1
    refused = await check(b"id,x\n" + b",1\n" * 5_000).key("id")
    assert refused is not None
    assert len(refused.errors) == NAMED
    assert refused.detail.startswith("lines 2, 3, 4, 5, 6 and more: ")


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        (pa.float64(), [0.0, -0.0]),
        (pa.float64(), [float("nan"), float("nan")]),
        (pa.decimal128(9, 2), [1, 1]),
        (pa.timestamp("us", tz="Europe/Berlin"), [0, 0]),
        (pa.binary(), [b"\x00", b"\x00"]),
        (pa.bool_(), [True, True]),
        (pa.string(), ["é", "é"]),
    ],
)
async def test_keys_are_compared_by_value(
    check: Check, tmp_path: Path, type_: pa.DataType, values: list[Any]
) -> None:
    pq.write_table(pa.table({"k": pa.array(values, type_)}), tmp_path / "made")
    refused = await check((tmp_path / "made").read_bytes(), format="parquet").key("k")

    assert refused is not None
    assert refused.errors[0]["rows"] == [1, 2]


@pytest.mark.parametrize("values", [["a", "A"], ["e\u0301", "\u00e9"], ["a", "a "]])
async def test_texts_that_differ_are_different_keys(
    check: Check, tmp_path: Path, values: list[str]
) -> None:
    pq.write_table(pa.table({"k": values}), tmp_path / "made")
    assert await check((tmp_path / "made").read_bytes(), format="parquet").key("k") is None


async def test_names_of_columns_are_only_names(check: Check, tmp_path: Path) -> None:
    names = ['a"b', "position", "file_row_number", "file_index", "r", "k", "x y"]
    table = pa.table({name: [1, 2] for name in names})
    for name in names:
        pq.write_table(table, tmp_path / "made")
        data = (tmp_path / "made").read_bytes()
        assert await check(data, format="parquet").key(name) is None
    pq.write_table(pa.concat_tables([table, table]), tmp_path / "made")
    refused = await check((tmp_path / "made").read_bytes(), format="parquet").key(*names)
    assert refused is not None
    assert [each["rows"] for each in refused.errors] == [[1, 3], [2, 4]]


async def test_rows_outside_a_condition_are_named_by_their_lines(check: Check) -> None:
    data = b"id,day\n1,2026-11-02\n2,2026-11-03\n3,\n4,2026-11-02\n"
    refused = await check(data).outside("day = '2026-11-02'")

    assert refused is not None
    assert refused.code == "outside_where"
    assert [each["line"] for each in refused.errors] == [3, 4]
    assert await check(data).outside("id > 0") is None
