"""What may be ingested: files, bytes, tables, frames and rows."""

import datetime as dt
import gzip
import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lakehouse
from lakehouse.client import arrow_upload
from lakehouse.client.lake import Lake

ROWS = [(1, "x"), (2, None)]
TABLE = pa.table({"a": [1, 2], "b": ["x", None]})


def as_csv(directory: Path) -> Path:
    path = directory / "rows.csv"
    path.write_text("a,b\n1,x\n2,\n")
    return path


def as_gzip(directory: Path) -> str:
    path = directory / "rows.ndjson.gz"
    path.write_bytes(gzip.compress(b'{"a": 1, "b": "x"}\n{"a": 2}\n'))
    return str(path)


def as_parquet(directory: Path) -> Path:
    path = directory / "rows.parquet"
    pq.write_table(TABLE, path)
    return path


@pytest.mark.parametrize(
    "made",
    [
        as_csv,
        as_gzip,
        as_parquet,
        lambda _: b"a,b\n1,x\n2,\n",
        lambda _: io.BytesIO(b"a,b\n1,x\n2,\n"),
        lambda directory: as_parquet(directory).read_bytes(),
        lambda _: TABLE,
        lambda _: TABLE.to_reader(),
        lambda _: TABLE.to_pandas(),
        lambda _: pl.DataFrame(TABLE),
        lambda _: iter(TABLE.to_batches()),
        lambda _: TABLE.to_pylist(),
        lambda _: iter([{"a": 1, "b": "x"}, {"a": 2}]),
    ],
)
def test_each_form_of_the_same_rows(
    lake: Lake, fresh: Callable[[], str], tmp_path: Path, made: Callable[[Path], Any]
) -> None:
    name = fresh()
    receipt = lake.ingest(made(tmp_path), name=name, reason="because ü")
    assert (receipt.rows_ingested, receipt.name) == (2, name)
    assert lake.sql(f"SELECT a, b FROM {name} ORDER BY a").rows() == ROWS
    event = lake.dataset(name).history()[0]
    assert (event.seq, event.actor, event.reason) == (receipt.seq, "tester", "because ü")


def test_options_are_those_of_the_route(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    body = b"id;zip;n\n1;007;NA\n"
    lake.ingest(body, name=name, delimiter=";", types={"zip": "string"}, null=["NA", "-"])
    assert lake.sql(f"FROM {name}").rows() == [(1, "007", None)]
    again = lake.ingest(body, name, "append", delimiter=";", dedupe="source", null=["NA", "-"],
                        types={"zip": "string"})  # fmt: skip
    assert again.reused
    seen = lake.preview(b"id;zip;n\nx;1;2\n", name, "append", delimiter=";")
    assert seen.outcome == "refuse"
    with pytest.raises(lakehouse.Error) as refused:
        lake.ingest(body, name=name, no_such_option=1)
    assert refused.value.code == "invalid_request"


def test_a_key_is_a_text_or_a_list_of_names(lake: Lake, fresh: Callable[[], str]) -> None:
    name, row = fresh(), [{"a,b": 1, "c": 2}]
    lake.ingest(row, name)
    for key in (["a,b", "c"], '"a,b",c'):
        assert lake.ingest(row, name, "merge", key=key).rows_removed == 1


def test_the_types_of_rows_are_those_of_all_of_them(
    lake: Lake, fresh: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrow_upload, "ROWS_AT_ONCE", 2)
    rows: list[dict[str, Any]] = [
        {"a": None, "n": 1},
        {"a": None, "n": 2},
        {"a": dt.date(2026, 1, 2), "n": 2.5, "d": Decimal("1.5")},
        {"late": "x", "d": Decimal("10.25")},
        {"a": dt.date(2026, 1, 3), "n": 4},
    ]
    name = fresh()
    lake.ingest(iter(rows), name=name)
    assert lake.sql(f"FROM {name}").rows() == [
        (None, 1.0, None, None),
        (None, 2.0, None, None),
        (dt.date(2026, 1, 2), 2.5, Decimal("1.50"), None),
        (None, None, Decimal("10.25"), "x"),
        (dt.date(2026, 1, 3), 4.0, None, None),
    ]


def test_instants_of_several_zones(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    at = dt.datetime(2026, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=5)))
    receipt = lake.ingest([{"moment": at}, {"moment": at.astimezone(dt.UTC)}], name=name)
    assert receipt.schema is not None
    assert receipt.schema[0].type == "timestamp[us, tz=UTC]"
    assert lake.sql(f"SELECT DISTINCT moment FROM {name}").rows() == [(at,)]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ([], ValueError),
        ([1, 2], TypeError),
        ({"a": [1]}, TypeError),
        (7, TypeError),
        ([{"a": 1}, {"a": "x"}], ValueError),
        ([{"a": 2**70}], ValueError),
    ],
)
def test_what_is_no_table_is_refused_before_it_is_sent(
    lake: Lake, data: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        lake.ingest(data, name="never")
    assert "never" not in [each.name for each in lake.datasets()]


def test_a_named_index_of_pandas_is_a_column(lake: Lake, fresh: Callable[[], str]) -> None:
    named, unnamed = fresh(), fresh()
    frame = pd.DataFrame({"a": [1, 2], "id": [10, 20]})
    lake.ingest(frame.set_index("id"), name=named)
    assert sorted(lake.sql(f"FROM {named}").columns) == ["a", "id"]
    lake.ingest(frame.iloc[::-1], name=unnamed)
    assert lake.sql(f"FROM {unnamed}").columns == ["a", "id"]


def test_the_batches_of_an_iterator_are_not_all_held(lake: Lake, fresh: Callable[[], str]) -> None:
    before, most = pa.total_allocated_bytes(), 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal most
        for _ in range(50):
            most = max(most, pa.total_allocated_bytes() - before)
            yield pa.record_batch({"x": pa.array(range(100_000))})

    assert lake.ingest(batches(), name=fresh()).rows_ingested == 5_000_000
    assert most < 20_000_000, "there are 40 MB of them"


def test_progress_ends_at_the_whole_file(
    lake: Lake, fresh: Callable[[], str], tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a\n" + "1\n" * 200_000)
    seen: list[tuple[int, int]] = []
    lake.ingest(path, name=fresh(), progress=lambda done, whole: seen.append((done, whole)))
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)
    assert len(seen) > 1


def test_a_path_that_is_not_there(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lake.ingest(tmp_path / "absent.csv", name="never")
