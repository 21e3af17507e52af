"""Compaction: `ops/bench compact [APPENDS]`. Query times before and after, and the write amplification.

A thousand appended files are queried before and after a compaction, and compared with the same rows in one
file; then files of one row are appended to a server that compacts in the background.
"""

import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.bench.ingest_ways import serving
from tests.bench.report import circumstances, table, write_section
from tests.e2e.process import Lakehouse, wait_until

FILES, ROWS = 1_000, 500
APPENDS = 10_000
CLIENTS = 8
ROUNDS = 15
QUERIES = {
    "count": "SELECT count(*) FROM {name} WHERE amount > {n}",
    "group by": "SELECT store, sum(amount), max(label) FROM {name} WHERE id <> {n} GROUP BY store",
    "one row": "SELECT * FROM {name} WHERE id = {n}",
}
SETTLED = 16
SETTLE_S = 120.0


def main() -> None:
    appends = int(sys.argv[1]) if len(sys.argv) > 1 else APPENDS
    about = circumstances("compact")
    with tempfile.TemporaryDirectory() as directory:
        with serving(Path(directory), COMPACT_OBJECTS=0) as lakehouse:
            times = _query_times(lakehouse)
        with serving(Path(directory)) as lakehouse:
            amplification = _amplification(lakehouse, appends)
    body = f"{about}\n\n{times}\n\n{amplification}"
    write_section("Compaction", body)
    print(body)


def _query_times(lakehouse: Lakehouse) -> str:
    """Of many files, of what they become, and of one file with the same rows."""
    parts = [_rows(number) for number in range(FILES)]
    # By one client, so that the order of rows is the same in both.
    _append(lakehouse, "many", [HEAD + part for part in parts], clients=1)
    _append(lakehouse, "one", [HEAD + b"".join(parts)])
    before = {title: _median(lakehouse, sql, "many") for title, sql in QUERIES.items()}
    began_s = time.perf_counter()
    answer = lakehouse.client.request("POST", "/v1/catalog/compact", b'{"name": "many"}')
    took_s = time.perf_counter() - began_s
    if answer.status != 200:
        raise SystemExit(f"refused: {answer.body[:500]!r}")
    (done,) = answer.json["datasets"]
    rows = []
    for title, sql in QUERIES.items():
        after, one = _in_turns(lakehouse, sql)
        milliseconds = f"{before[title] * 1e3:.0f} ms", f"{after * 1e3:.1f} ms"
        rows.append([title, *milliseconds, f"{before[title] / one:.1f}", f"{after / one:.2f}"])
    header = ["query", "before", "after", "before ÷ one file", "after ÷ one file (goal ≤ 1.2)"]
    text = (
        f"{FILES:,} appended files of {ROWS} rows: {done['objects_before']:,} objects of"
        f" {done['bytes_read']:,} bytes became {done['objects_after']} of"
        f" {done['bytes_written']:,} in {took_s:.1f} s."
    )
    return f"{text}\n\n{table(header, rows)}"


HEAD = b"id,store,amount,label,day\n"


def _rows(number: int) -> bytes:
    lines = [
        f"{n},{n % 97},{n / 4},text {n % 5000},2026-01-{n % 28 + 1:02}\n"
        for n in range(number * ROWS, (number + 1) * ROWS)
    ]
    return "".join(lines).encode()


def _append(lakehouse: Lakehouse, name: str, files: list[bytes], clients: int = CLIENTS) -> None:
    def one(body: bytes) -> None:
        answer = lakehouse.client.ingest(f"name={name}&mode=append", body)
        if answer.status != 200:
            raise SystemExit(f"refused: {answer.body[:500]!r}")

    one(files[0])
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(one, files[1:]))


def _in_turns(lakehouse: Lakehouse, sql: str) -> tuple[float, float]:
    """The medians of the compacted dataset and of the one from one file, in turns."""
    pairs = [
        (_seconds(lakehouse, sql, "many", n), _seconds(lakehouse, sql, "one", n))
        for n in range(ROUNDS)
    ]
    many, one = zip(*pairs, strict=True)
    return statistics.median(many), statistics.median(one)


def _median(lakehouse: Lakehouse, sql: str, name: str) -> float:
    return statistics.median(_seconds(lakehouse, sql, name, n) for n in range(ROUNDS))


def _seconds(lakehouse: Lakehouse, sql: str, name: str, n: int) -> float:
    """Of one query, whose literal no other has: results are cached."""
    began_s = time.perf_counter()
    lakehouse.client.sql(sql.format(name=name, n=n + 1_000 * (name == "one")))
    return time.perf_counter() - began_s


def _amplification(lakehouse: Lakehouse, appends: int) -> str:
    """Bytes and rows written, the appends' own included, over what was appended."""
    began_s = time.perf_counter()
    _append(lakehouse, "rows", [b"n,s\n%d,x\n" % number for number in range(appends)])
    took_s = time.perf_counter() - began_s
    left = _objects(lakehouse)
    wait_until(lambda: _objects(lakehouse) <= SETTLED, SETTLE_S, "few objects")
    events = [each for each in lakehouse.client.events() if each["data"].get("name") == "rows"]
    appended = [item for each in events for item in each["data"].get("objects", ())]
    merged = [
        item
        for each in events
        for replaced in each["data"].get("replaced", ())
        for item in replaced["by"]
    ]
    cells = []
    for title, what in (("bytes", "size_bytes"), ("rows", "row_count")):
        first, again = _sum(appended, what), _sum(merged, what)
        cells.append([title, f"{first:,}", f"{again:,}", f"{(first + again) / first:.2f}"])
    count = lakehouse.client.sql("SELECT count(*), count(DISTINCT n) FROM rows")["rows"][0]
    if count != [appends, appends]:
        raise SystemExit(f"rows were lost: {count}")
    header = ["", "appended", "merged", "all writes ÷ appended (goal < 4)"]
    text = (
        f"{appends:,} appends of one row by {CLIENTS} clients in {took_s:.0f} s, with compaction in the"
        f" background: {left} objects right after them, {_objects(lakehouse)} once settled (goal ≤ 20),"
        f" {len([each for each in events if each['type'] == 'dataset_rewritten'])} compactions."
    )
    return f"{text}\n\n{table(header, cells)}"


def _objects(lakehouse: Lakehouse) -> int:
    return len(lakehouse.client.get("/v1/catalog/manifest/rows")["objects"])


def _sum(items: list[dict[str, Any]], what: str) -> int:
    return sum(int(item[what]) for item in items)


if __name__ == "__main__":
    main()
