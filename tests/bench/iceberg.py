"""What the Iceberg catalog costs for a table of 10,000 appends: the first load, warm loads, one more append.

`ops/bench iceberg` writes the section of RESULTS.md.
"""

import argparse
import asyncio
import http.client
import io
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from journal.bucket.keys import Tag, dataset_blob
from journal.bucket.opening import open_bucket
from journal.clock import SystemClock, uuid7
from journal.events import Column, Object, Source
from journal.slot import sha256_hex
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Context, IngestDataset, Table
from lakehouse.formats.parquet.field_ids import with_field_ids
from lakehouse.formats.schema import fingerprint
from tests.bench.report import circumstances, table, write_section
from tests.bench.sql_servers import serving

APPENDS = 10_000
AT_ONCE = 64
ROUNDS = 20
NAME = "t"
COLUMNS = (Column("a", "int64"),)
NOTES = """\
Over HTTP on a local disk, medians of {rounds}. A warm load answers what the process has derived, after
one request for the metadata object; a load after an append derives one version more and writes the document
anew. The document lists every snapshot; a manifest list has blocks of 1,024 and 32 files and single ones."""


async def make(bucket_dir: Path, appends: int) -> None:
    """A dataset that was appended to so often, a row each time, by the product's own writer."""
    out = io.BytesIO()
    row = pa.table({"a": pa.array([1], pa.int64())})
    pq.write_table(row.cast(with_field_ids(row.schema)), out)
    body = out.getvalue()
    bucket, clock, chance = await open_bucket(str(bucket_dir)), SystemClock(), random.Random(1)
    node = await Node.open(bucket, clock, chance)
    work = asyncio.create_task(node.writer.run())
    gate = asyncio.Semaphore(AT_ONCE)

    async def append(number: int) -> None:
        async with gate:
            tag = Tag(node.follower.journal.lake.lake[:8], node.state.head.seq, f"r{number}")
            blob = dataset_blob(NAME, fingerprint(COLUMNS), sha256_hex(body), tag)
            await bucket.upload(blob, body)
            item = Object(blob, blob, len(body), sha256_hex(body), 1)
            made = Table(COLUMNS, fingerprint(COLUMNS), (item,), 1, (), uploaded=True)
            source = Source(sha256_hex(str(number).encode()), len(body), ())
            live = node.state.catalog.datasets.get(NAME)
            under = live.schema_fingerprint if live else None
            command = IngestDataset(NAME, "append", source, made, under)
            await node.writer.submit(command, Context("bench", uuid7(clock.now(), chance)))

    await append(0)
    await asyncio.gather(*(append(number) for number in range(1, appends)))
    work.cancel()
    await bucket.close()


class Client:
    """One connection to the server."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def load(self) -> bytes:
        """The table as the catalog answers it."""
        return self._asked("GET", f"/iceberg/v1/namespaces/lake/tables/{NAME}")

    def append(self) -> None:
        """One row more."""
        self._asked("POST", f"/v1/ingest?name={NAME}&mode=append", b"a\n1\n")

    def _asked(self, method: str, path: str, body: bytes | None = None) -> bytes:
        self._connection.request(method, path, body, {"Content-Type": "text/csv"})
        answer = self._connection.getresponse()
        found = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {found[:300]!r}")
        return found


def timed_ms(work: Callable[[], object]) -> float:
    """How long it took."""
    began_s = time.perf_counter()
    work()
    return (time.perf_counter() - began_s) * 1_000


def measured(bucket: Path) -> tuple[list[list[str]], str]:
    """The rows of the table, and what the answer consists of."""
    with serving(bucket) as server:
        client = Client(server.port)
        cold_ms = timed_ms(client.load)
        warm_ms = statistics.median(timed_ms(client.load) for _ in range(ROUNDS))
        after: list[float] = []
        for _ in range(ROUNDS):
            client.append()
            after.append(timed_ms(client.load))
        body = client.load()
    with serving(bucket) as server:
        again_ms = timed_ms(Client(server.port).load)
    metadata = json.loads(body)["metadata"]
    url = metadata["snapshots"][-1]["manifest-list"]
    listed = list(fastavro.reader(io.BytesIO(Path(url.removeprefix("file://")).read_bytes())))
    rows = [
        ["first load, nothing derived", f"{cold_ms:,.0f} ms"],
        ["first load of another process", f"{again_ms:,.0f} ms"],
        ["warm load", f"{warm_ms:.0f} ms"],
        ["load after one more append", f"{statistics.median(after):.0f} ms"],
    ]
    parts = f"{len(metadata['snapshots']):,} snapshots, {len(body) / 1e6:.1f} MB as JSON; the last manifest "
    return rows, f"{parts}list names {len(listed)} manifests."


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--appends", type=int, default=APPENDS)
    arguments = parser.parse_args()
    words = circumstances("iceberg")
    os.environ["LAKEHOUSE_COMPACT_OBJECTS"] = "0"
    with tempfile.TemporaryDirectory() as directory:
        bucket = Path(directory) / "bucket"
        asyncio.run(make(bucket, arguments.appends))
        rows, parts = measured(bucket)
    body = table([f"a table of {arguments.appends:,} appends", "wall"], rows)
    notes = NOTES.format(rounds=ROUNDS)
    section = f"{words}\n\n{body}\n\n{parts} {notes}"
    print(section)
    write_section("Iceberg", section)


if __name__ == "__main__":
    main()
