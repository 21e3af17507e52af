"""The matrix of engines: each reads every version of a corpus, and must get what SQL answers as of then.

`python -m tests.engines.matrix DIRECTORY [ENGINE …]`: the directory has an environment for each engine
(`ops/engines` makes them). Prints engine × (list, time travel of the whole lake, scan, versions, S3 with the
keys that the catalog gives, appends), and what differed. Exit 1 if anything did.
"""

import datetime as dt
import io
import json
import math
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
ASPECTS = ("list", "lake as of", "scan", "versions", "S3", "append")
sys.path[:0] = [str(HERE), str(HERE.parent)]

from canonical import rows  # noqa: E402
from lake_server import running_lake  # noqa: E402
from s3_server import ACCESS_KEY, SECRET_KEY, Radosgw  # noqa: E402

import lakehouse  # noqa: E402
from lakehouse.client.lake import Lake  # noqa: E402

REFUSED = {"daft": "carries no parquet field IDs"}
"""What an engine refuses in words: Daft does not read uploaded files without ids by their names."""
ENVIRONMENTS = {
    "pyiceberg": "python",
    "polars": "python",
    "daft": "python",
    "duckdb": "duckdb",
    "sail": "sail",
}


def corpus(lake: Lake) -> None:
    """Datasets with a history: every kind of change, type and value that is served."""
    csv = b"id,name,price,day,at\n1,a,1.5,2026-01-02,2026-01-02T03:04:05\n"
    csv += b"2,\xc3\xa4,,1960-05-06,1960-05-06T07:08:09.123456\n"
    lake.ingest(csv, "plain")
    lake.ingest(b"name,id,price,day,at\nb,3,2.5,,\n", "plain", "append")
    lake.ingest(b"id,name,price,day,at,more\n4,c,,,,x\n", "plain", "append", schema_change="widen")
    lake.ingest(b"a\n1\n2\n", "retyped")
    lake.ingest(b"a\nx\n", "retyped", schema_change="replace")
    lake.ingest(_parquet(a=pa.array([1, 2], pa.int32())), "widened", format="parquet")
    more = _parquet(a=pa.array([2**40], pa.int64()))
    lake.ingest(more, "widened", "append", format="parquet", schema_change="widen")
    lake.ingest(b"n\n1\n", "reborn")
    lake.dataset("reborn").drop()
    lake.ingest(b"n\n2\n", "reborn")
    for number in range(70):
        lake.ingest(f"n\n{number}\n".encode(), "many", "append")
    first = lake.dataset("many").history()[0].seq
    lake.dataset("many").restore(first + 9)
    lake.ingest(VALUES, "values_of_all_types")
    lake.ingest(pa.table({"none": pa.array([], pa.int64())}), "empty")
    lake.ingest(
        _parquet(**{'a.b "c" ü': [1, None], "select": ["x", "y"]}), "odd_names", format="parquet"
    )
    lake.ingest(b"g,v\n1,a\n1,b\n2,c\n", "edited")
    lake.http.json(_change("/v1/catalog/delete", name="edited", where="g = 1 AND v = 'a'"), dict)
    lake.http.json(
        _change("/v1/catalog/update", name="edited", set={"v": "upper(v)"}, where="g = 2"), dict
    )
    lake.ingest(b"g,v\n2,merged\n9,new\n", "edited", "merge", key="g")
    for number in range(5):
        lake.ingest(f"n\n{number}\n".encode(), "compacted", "append")
    lake.http.json(_change("/v1/catalog/compact", name="compacted"), dict)
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


def _parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def _change(path: str, **body: Any) -> Any:
    from lakehouse.client import request

    return request.change("POST", path, body)


class Reader:
    """An engine's process. What it knows of a store the catalog says."""

    def __init__(self, python: Path, engine: str, uri: str) -> None:
        self._process = subprocess.Popen(
            [str(python), str(HERE / "reader.py"), engine, uri],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(),
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"error": "the engine's process ended"}

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def _environment() -> dict[str, str]:
    """An environment without keys and endpoints. Arrow's checksums are too new for Ceph 16."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}


def differences(lake: Lake, engine: str, reader: Reader, head: int) -> Iterator[tuple[str, str]]:
    """What an engine reads otherwise than SQL answers: (aspect, what)."""
    for seq in (0, 1, head // 2, head - 1, head):
        wanted = sorted(each.name for each in lake.datasets(as_of=seq))
        found = reader.ask(list=f"at:{seq}")
        if sorted(found.get("tables", [])) != wanted:
            yield "lake as of", f"at:{seq}: {found}, not {wanted}"
    names = [each.name for each in lake.datasets()]
    if sorted(reader.ask(list="lake").get("tables", [])) != names:
        yield "list", "the tables of now"
    for name in names:
        metadata = _metadata(lake, name)
        for snapshot in [None, *metadata]:
            wanted = rows(lake.sql(f'FROM "{name}"', as_of=snapshot).arrow())
            found = reader.ask(table=name, snapshot=snapshot)
            if engine in REFUSED and REFUSED[engine] in found.get("error", ""):
                yield "refused", name
                continue
            if found.get("rows") != wanted:
                aspect = "scan" if snapshot is None else "versions"
                yield aspect, f"{name} at {snapshot}: {str(found)[:300]}, not {str(wanted)[:300]}"


def _metadata(lake: Lake, name: str) -> list[int]:
    from lakehouse.client import request

    path = request.named("/iceberg/v1/namespaces/lake/tables", name)
    found = lake.http.json(request.get(path), dict)
    return [each["snapshot-id"] for each in found["metadata"]["snapshots"]]


def appends(lake: Lake, readers: list[Reader]) -> Iterator[tuple[str, str]]:
    """What is wrong after two clients appended to one table at once, each several times."""
    lake.ingest(b"n\n-1\n", "appended", "append")
    values = [list(range(first, first + 5)) for first in (0, 100)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda reader, some: reader.ask(append="appended", values=some), readers, values
            )
        )
    yield from (("append", str(each)) for each in answers if "error" in each)
    found = [row[0] for row in lake.sql("FROM appended ORDER BY n").rows()]
    wanted = [-1, *values[0], *values[1]]
    if found != wanted:
        yield "append", f"{found}, not {wanted}"
    overwritten = readers[0].ask(overwrite="appended").get("error", "")
    if "UnsupportedOperation" not in overwritten:
        yield "append", f"an overwrite was answered with {overwritten or 'success'}"


@contextmanager
def lake_in_s3(directory: Path) -> Iterator[Any]:
    """A lake in a store with STS, whose catalog gives keys, and that can be appended to."""
    gateway = Radosgw(directory / "radosgw", "memstore")
    try:
        gateway.start()
        secrets = directory / "secrets.toml"
        secrets.touch(0o600)
        secrets.write_text(
            f'aws_access_key_id = "{ACCESS_KEY}"\naws_secret_access_key = "{SECRET_KEY}"\n'
        )
        with running_lake(
            directory,
            environ={"AWS_ENDPOINT_URL": gateway.server.endpoint_url},
            bucket=f"s3://{gateway.server.make_bucket()}/lake",
            secrets_file=str(secrets),
            spool_dir=str(directory / "spool"),
            iceberg_role_arn=gateway.make_role("engines"),
            iceberg_writes=True,
        ) as server:
            yield server
    finally:
        gateway.kill()


def of_s3(lake: Lake, engine: str, reader: Reader) -> Iterator[tuple[str, str]]:
    """What an engine reads otherwise of the tables in S3."""
    for name in ("plain", "many", "edited"):
        for snapshot in [None, *_metadata(lake, name)[-2:]]:
            wanted = rows(lake.sql(f'FROM "{name}"', as_of=snapshot).arrow())
            found = reader.ask(table=name, snapshot=snapshot)
            if found.get("rows") != wanted:
                yield "S3", f"{name} at {snapshot}: {str(found)[:300]}, not {str(wanted)[:300]}"


WITHOUT_KEYS = ("sail",)
"""The engines that take no endpoint and keys from a catalog: their own environment names these."""
WRITERS = ("pyiceberg",)
"""The engines that append."""


def main(environments: Path, *engines: str) -> int:
    wanted = engines or tuple(ENVIRONMENTS)
    found: dict[str, list[tuple[str, str]]] = {engine: [] for engine in wanted}
    with tempfile.TemporaryDirectory() as directory:
        local = running_lake(Path(directory) / "lake", iceberg_writes=True)
        for place, opened in (("local", local), ("S3", lake_in_s3(Path(directory)))):
            with opened as server:
                url = f"http://127.0.0.1:{server.port}"
                with lakehouse.connect(url) as lake:
                    corpus(lake)
                    for engine in wanted:
                        found[engine] += checked(environments, place, lake, engine, url, server)
    return report(found)


def checked(
    environments: Path, place: str, lake: Lake, engine: str, url: str, server: Any
) -> list[tuple[str, str]]:
    """What one engine does wrong on one lake."""
    if place == "S3" and engine in WITHOUT_KEYS:
        return []
    python = environments / ENVIRONMENTS[engine] / "bin" / "python"
    readers = [Reader(python, engine, f"{url}/iceberg") for _ in range(1 + (engine in WRITERS))]
    try:
        if place == "S3":
            found = list(of_s3(lake, engine, readers[0]))
        else:
            found = list(differences(lake, engine, readers[0], server.head()))
        return found + (list(appends(lake, readers)) if engine in WRITERS else [])
    finally:
        for reader in readers:
            reader.close()


def report(found: dict[str, list[tuple[str, str]]]) -> int:
    """Print the matrix; 1 if anything differed."""
    failed = False
    for engine, rows_found in found.items():
        counts = Counter(aspect for aspect, _ in rows_found)
        refused = counts.pop("refused", 0)
        failed = failed or bool(counts)
        untried = {"S3"} if engine in WITHOUT_KEYS else set()
        if engine not in WRITERS:
            untried.add("append")
        shown = [f"{each}: {counts[each] or 'ok'}" for each in ASPECTS if each not in untried]
        print(f"{engine:10}", *shown, f"refused in words: {refused}", sep="  ")
        for aspect, what in rows_found:
            if aspect != "refused":
                print(f"    {aspect}: {what}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
