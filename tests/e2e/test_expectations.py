"""The real files of tests/data over HTTP: each becomes the expected table, or nothing.

Every cell is compared: what `/v1/sql` answers with what Python's csv reader sees in the file, of
which `expectations.json` has the hash that independent readers agree on.
"""

import csv
import datetime
import gzip
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from expectations import Table, cells_sha256, disagreements, expectations
from process import Client, Lakehouse
from s3_server import free_ports

FILES = expectations()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One process for all the files."""
    directory = tmp_path_factory.mktemp("expectations")
    lakehouse = Lakehouse(str(directory / "bucket"), free_ports(1), directory / "log")
    try:
        lakehouse.start()
        yield lakehouse.client
    finally:
        lakehouse.close()
        print(lakehouse.log()[-20_000:])


@pytest.mark.parametrize("file", FILES)
def test_each_file_becomes_what_independent_readers_see(
    client: Client, real_files: Path, file: str
) -> None:
    name = file.partition(".")[0]
    before = client.get("/v1/journal/head")
    answer = client.ingest(f"name={quote(name)}", (real_files / file).read_bytes())
    if answer.status != 200:
        assert 400 <= answer.status < 500, answer
        assert client.get("/v1/journal/head") == before
        assert client.request("GET", f"/v1/catalog/manifest/{name}").status == 404
        assert disagreements(file, FILES[file], None) == []
        return
    manifest = client.get(f"/v1/catalog/manifest/{name}")
    names, types = zip(*((each["name"], each["type"]) for each in manifest["schema"]), strict=True)
    assert disagreements(file, FILES[file], Table(names, types, manifest["row_count"])) == []
    _check_cells(client.sql(f"FROM {name}"), types, FILES[file], real_files / file)


def _check_cells(
    found: Mapping[str, Any], types: tuple[str, ...], expected: Mapping[str, Any], file: Path
) -> None:
    rows = _rows_as_text(file)
    if "cells_sha256" in expected:
        assert cells_sha256(rows) == expected["cells_sha256"], "our reading of the file is wrong"
    assert found["row_count"] == len(rows)
    for number, type_ in enumerate(types):
        meant = [_MEANINGS[type_](row[number]) if row[number] else None for row in rows]
        cells = [row[number] for row in found["rows"]]
        assert cells == meant, found["columns"][number]


def _rows_as_text(file: Path) -> list[list[str]]:
    raw = file.read_bytes()
    text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8-sig")
    records = [
        record for record in csv.reader(io.StringIO(text, newline=""), strict=True) if record
    ]
    return records[1:]


def _integer(text: str) -> int | str:
    """JSON keeps integers exact only to 2^53; beyond, the answer is a string."""
    return int(text) if abs(int(text)) <= 2**53 else text


def _instant(text: str) -> str:
    return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC).strftime("%FT%TZ")


_MEANINGS: Mapping[str, Callable[[str], Any]] = {
    "bool": lambda text: text.lower() == "true",
    "int64": _integer,
    "double": float,
    "date32[day]": str,
    "timestamp[us]": lambda text: datetime.datetime.fromisoformat(text).isoformat(),
    "timestamp[us, tz=UTC]": _instant,
    "string": str,
}
