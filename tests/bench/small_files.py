"""A thousand small files, each one durable commit: by 16 HTTP clients, and into a Delta table; and
what it costs to read what they became."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import deltalake
import pyarrow.csv

from tests.bench.ingest_ways import serving
from tests.bench.keep_alive import exchange_all, post
from tests.e2e.process import Client

FILES, CLIENTS = 1_000, 16
QUERIES = (
    "SELECT count(*) + {number} FROM {name}",
    "SELECT role, avg(rate) + {number} FROM {name} GROUP BY role",
    "SELECT * FROM {name} WHERE id = {number}",
)


def small_files(csv: Path, count: int, size_bytes: int = 2_000) -> list[bytes]:
    """`count` files of about `size_bytes`, each with the header and rows of `csv` of its own."""
    found: list[bytes] = []
    with csv.open("rb") as file:
        header = file.readline()
        for _ in range(count):
            found.append(header + b"".join(_rows(file, size_bytes - len(header))))
    return found


def lakehouse_commits(files: list[bytes], into: Path) -> float:
    """Files a second, each client appending to a dataset of its own over one connection."""
    with serving(into) as lakehouse:
        shares = {f"d{client}": files[client::CLIENTS] for client in range(CLIENTS)}
        started_s = time.perf_counter()
        rows = _append_all(lakehouse.client.port, shares)
        seconds = time.perf_counter() - started_s
        every = " UNION ALL ".join(f"SELECT count(*) n FROM d{i}" for i in range(CLIENTS))
        [[held]] = lakehouse.client.sql(f"SELECT sum(n)::BIGINT FROM ({every})")["rows"]
    if held != rows or rows != sum(file.count(b"@example.com,") for file in files):
        raise SystemExit(f"the lake holds {held} rows, {rows} were acknowledged")
    return len(files) / seconds


def delta_commits(files: list[bytes], into: Path) -> float:
    """Files a second, read by pyarrow and appended to one new Delta table, which syncs nothing."""
    started_s = time.perf_counter()
    for file in files:
        deltalake.write_deltalake(into / "delta", _table(file), mode="append")
    seconds = time.perf_counter() - started_s
    if deltalake.DeltaTable(into / "delta").version() != len(files) - 1:
        raise SystemExit("the Delta table has not every commit")
    return len(files) / seconds


def seconds_of_reading(files: list[bytes], into: Path) -> tuple[float, float]:
    """Of three queries on all files appended to one dataset, and on the same rows as one file.

    Medians of five, added up; each asks for another literal, so that no answer was kept.
    """
    header = files[0][: files[0].index(b"\n") + 1]
    with serving(into) as lakehouse:
        _append_all(lakehouse.client.port, {"many": files})
        rows = b"".join(file.removeprefix(header) for file in files)
        if lakehouse.client.ingest("name=one", header + rows).status != 200:
            raise SystemExit("all rows as one file were refused")
        many, one = (
            sum(_median_s(lakehouse.client, query, name) for query in QUERIES)
            for name in ("many", "one")
        )
    return many, one


def _median_s(client: Client, query: str, name: str) -> float:
    taken: list[float] = []
    for number in range(5):
        started_s = time.perf_counter()
        client.sql(query.format(name=name, number=number))
        taken.append(time.perf_counter() - started_s)
    return median(taken)


def _append_all(port: int, shares: Mapping[str, Sequence[bytes]]) -> int:
    """Append each dataset's files over a connection of its own; how many rows were acknowledged."""
    rows = 0

    def answered(receipt: bytes) -> None:
        nonlocal rows
        rows += json.loads(receipt)["rows_ingested"]

    clients = [_appends(port, name, files) for name, files in shares.items()]
    exchange_all(port, clients, answered)
    return rows


def _appends(port: int, name: str, files: Sequence[bytes]) -> Iterator[bytes]:
    for file in files:
        yield post(port, f"/v1/ingest?name={name}&mode=append", file, "text/csv")


def _rows(file: Iterator[bytes], size_bytes: int) -> Iterator[bytes]:
    """Whole records: those of the workers end where a line ends in `Z`."""
    while size_bytes > 0:
        line = next(file)
        size_bytes -= len(line)
        yield line
        while not line.endswith(b"Z\n"):
            line = next(file)
            size_bytes -= len(line)
            yield line


def _table(file: bytes) -> pyarrow.Table:
    parse = pyarrow.csv.ParseOptions(newlines_in_values=True)
    types = {"score": pyarrow.float64(), "notes": pyarrow.string(), "zip": pyarrow.string()}
    convert = pyarrow.csv.ConvertOptions(column_types=types)
    return pyarrow.csv.read_csv(pyarrow.BufferReader(file), None, parse, convert)
