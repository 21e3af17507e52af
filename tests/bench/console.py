"""The console on a lake of a million events and 11,000 datasets: how long the server takes for a page.

`ops/bench console` writes the section of RESULTS.md. Beside the pages the JSON of as many datasets, by the
same server in turns: what a page costs on top of its use case. The lake is a copy of `long_journal`'s.
"""

import logging
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))

from lake_server import Lake, running_lake

from lakehouse.console.rendering import prepare, template_names
from tests.bench.long_journal import EVENTS, long_journal
from tests.bench.report import circumstances, table, write_section

DATASETS, AT_ONCE, ROUNDS = 10_000, 1_000, 15
PAGES = {
    "the first page": "/console/datasets",
    "a search": "/console/datasets?search=d77",
    "the last page": f"/console/datasets?skip={DATASETS - 50}",
    "most rows first": "/console/datasets?order=rows",
    "50 datasets as JSON": "/v1/catalog/list?limit=50",
    "the newest events": "/console/journal",
    "the newest events of a type": "/console/journal?type=dataset_registered",
    "events of a type that 20,000 have not": "/console/journal?type=dataset_pinned",
    "events from the middle": f"/console/journal?before={EVENTS // 2}",
    "the newest events about a dataset": "/console/journal?dataset=Dataset_77",
    "an event": f"/console/event/{EVENTS // 2}",
    "a dataset's history": "/console/dataset/Dataset_77?tab=history",
    "storage": "/console/storage",
    "a folder of 11,000": "/console/storage?prefix=datasets%2F",
    "views": "/console/views",
}

COLD = {
    "the first page": "/console/datasets",
    "a folder of 11,000": "/console/storage?prefix=datasets%2F",
    "the undo of an event, which is refused": f"/console/undo?seq={EVENTS - 10_000}",
    "the undo of the last event": f"/console/undo?seq={EVENTS + 10}",
    "as of an event": f"/console/datasets?as_of={EVENTS // 2 + 10_000}",
    "as of the event before it": f"/console/datasets?as_of={EVENTS // 2 + 9_999}",
    "as of 100 events later": f"/console/datasets?as_of={EVENTS // 2 + 10_100}",
}
"""Asked for once, in this order, by a process that has just started."""


class Taken(NamedTuple):
    """What one request took."""

    wall_ms: float
    cpu_ms: float


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory() as place:
        bucket = Path(place) / "bucket"
        shutil.copytree(long_journal(), bucket)
        found, cold = _measured(bucket), _cold(bucket)
    rows = [
        [
            name,
            f"{statistics.median(one.cpu_ms for one in each):.1f} ms",
            f"{statistics.median(one.wall_ms for one in each):.1f} ms",
        ]
        for name, each in found.items()
    ]
    shown = table(["what", "CPU, median", "elapsed, median"], rows)
    once = [[name, f"{one.cpu_ms:.0f} ms", f"{one.wall_ms:.0f} ms"] for name, one in cold.items()]
    shown_once = table(["for the first time after a start", "CPU", "elapsed"], once)
    text = (
        f"{EVENTS:,} events and then {DATASETS:,} datasets more, {ROUNDS} rounds, a connection each. CPU is "
        f"that of the process, with the client in it.\n\n{shown}\n\n"
        f"Once, each after the ones above it:\n\n{shown_once}"
    )
    write_section("Console", f"{circumstances('console')}\n\n{text}")
    print(shown, shown_once, sep="\n\n")


def _measured(bucket: Path) -> dict[str, list["Taken"]]:
    with running_lake(bucket, queries=False) as lake:
        _fill(lake)
        found: dict[str, list[Taken]] = {name: [] for name in PAGES}
        for _ in range(ROUNDS):
            for name, path in PAGES.items():
                found[name].append(_taken(lake, path))
    return found


def _cold(bucket: Path) -> dict[str, "Taken"]:
    """The server of a test compiles no templates at its start; a served one does: here first of all."""
    for name in template_names():
        prepare(name)
    with running_lake(bucket, queries=False) as lake:
        assert lake.ask("GET", "/health").status == 200
        return {name: _taken(lake, path) for name, path in COLD.items()}


def _fill(lake: Lake) -> None:
    assert lake.put("raw/one", b"x" * 1_000).status == 200
    for first in range(0, DATASETS, AT_ONCE):
        changes = [
            {
                "op": "register",
                "name": f"d{number}",
                "schema_fingerprint": "f",
                "objects": [{"key": "raw/one"}],
                "row_count": number,
            }
            for number in range(first, first + AT_ONCE)
        ]
        answer = lake.ask("POST", "/v1/catalog/transaction", {"changes": changes})
        assert answer.status == 200, answer


def _taken(lake: Lake, path: str) -> Taken:
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    assert lake.ask("GET", path).status == 200
    ended_cpu_s, ended_s = time.process_time(), time.perf_counter()
    return Taken((ended_s - began_s) * 1_000, (ended_cpu_s - began_cpu_s) * 1_000)


if __name__ == "__main__":
    main()
