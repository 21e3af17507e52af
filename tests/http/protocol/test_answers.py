"""Documented answers of storage, the catalog and SQL, by real requests: members, document and struct.

`answer_members` repeats the names on purpose: renaming a member in `lakehouse.api` changes the answer,
the document and the struct together, and only these tests and those of test_answers_upkeep.py fail.
"""

import re
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from answer_members import (
    ANY,
    COLUMN,
    DERIVE_DRY_RUN,
    DERIVED,
    DRY_RUN,
    ERASED,
    EVENT,
    MANIFEST,
    QUERY,
    RECEIPT,
    STAGED,
    STORED,
    SUMMARY,
    UPLOAD,
    VIEWS,
)
from documented_answers import CHANGED_BY, CSV, Documented, post
from lake_server import Lake
from running_queries import LONG, asking

from lakehouse.api.catalog.change_sets import Renamed, TransactionReceipt
from lakehouse.api.catalog.datasets import DatasetPage, Dropped, Manifest, ManifestPage
from lakehouse.api.catalog.definitions import (
    Profile,
    ProfileDropped,
    ProfileList,
    View,
    ViewDropped,
    ViewList,
)
from lakehouse.api.catalog.derivation import DeriveDryRun, DeriveReceipt, RefreshedAll
from lakehouse.api.history.journal import EventPage
from lakehouse.api.history.provenance import Lineage
from lakehouse.api.ingest.answers import IngestDryRun, IngestReceipt, StagedIngest
from lakehouse.api.rows import DeleteReceipt, EraseReport, UpdateReceipt
from lakehouse.api.sql import CancelledQueries, RunningQueries, SqlResult
from lakehouse.api.storage import ObjectPage, StoredObject
from lakehouse.api.upkeep.compaction import CompactReport
from lakehouse.api.upkeep.quarantine import QuarantineList
from lakehouse.web.routes import ROUTES


def test_storage(lake: Lake, documented: Documented) -> None:
    documented.check(lake.put("s/a"), "PUT /v1/storage/put/{key}", StoredObject, STORED)
    page = lake.ask("GET", "/v1/storage/list?prefix=s/")
    listed = {"objects": [STORED | {"created_at": 0}], "next": 0}
    documented.check(page, "GET /v1/storage/list", ObjectPage, listed)


def test_the_catalog(lake: Lake, documented: Documented) -> None:
    lake.put("c/a")
    check, schemaless = documented.check, MANIFEST | {"schema": 0}
    check(lake.register("c", "c/a"), "POST /v1/catalog/register", Manifest, schemaless)
    seq = lake.ingest("name=c2").json["seq"]
    check(lake.manifest("c2"), "GET /v1/catalog/manifest/{name}", ManifestPage, MANIFEST)
    page = {"datasets": [MANIFEST], "seq": 0, "next": 0}
    listed = lake.ask("GET", "/v1/catalog/list?after=c&limit=1")
    check(listed, "GET /v1/catalog/list", DatasetPage, page)
    short = lake.ask("GET", "/v1/catalog/list?summary=true")
    check(short, "GET /v1/catalog/list", DatasetPage, page | {"datasets": [SUMMARY]})
    dropped = {"name": 0, "dataset_id": 0, "seq": 0}
    check(lake.drop("c2"), "DELETE /v1/catalog/manifest/{name}", Dropped, dropped)
    restored = post(lake, "/v1/catalog/restore", name="c2", as_of=seq)
    check(restored, "POST /v1/catalog/restore", Manifest, MANIFEST)
    history = lake.ask("GET", "/v1/catalog/history/c2")
    events = {"events": [EVENT], "next": 0}
    check(history, "GET /v1/catalog/history/{name}", EventPage, events)


def test_ingest(lake: Lake, documented: Documented) -> None:
    bad, exact = b"a,,c\n1,x,0.10000000000000000001\n2\n", "&types=c:double"
    aside = lake.ingest(f"name=i&on_error=quarantine{exact}", bad)
    documented.check(aside, "POST /v1/ingest", IngestReceipt, RECEIPT)
    file = {"key": 0, "row_count": 0, "seq": 0, "options": ANY}
    held = lake.ask("GET", "/v1/catalog/quarantine/i")
    files = {"name": 0, "files": [file], "seq": 0, "next": 0}
    documented.check(held, "GET /v1/catalog/quarantine/{name}", QuarantineList, files)
    lake.ingest("name=j", b"a\n1\n")
    again = lake.ingest("name=j&mode=append&dedupe=source", b"a\n1\n")
    plain = RECEIPT | {"quarantine": 0, "renamed": ANY, "rounded": ANY, "duplicate_of": 0}
    documented.check(again, "POST /v1/ingest", IngestReceipt, plain)
    quoted = lake.ingest(f"name=select&on_error=quarantine{exact}", bad)
    documented.check(quoted, "POST /v1/ingest", IngestReceipt, RECEIPT | {"hint": 0})
    foreseen = lake.ingest(f"name=k&dry_run=true{exact}", bad)
    documented.check(foreseen, "POST /v1/ingest", IngestDryRun, DRY_RUN)


def test_ingest_by_put(lake: Lake, documented: Documented) -> None:
    bad, exact = b"a,,c\n1,x,0.10000000000000000001\n2\n", "&on_error=quarantine&types=c:double"
    aside = lake.ask("PUT", f"/v1/ingest?name=put1{exact}", bad)
    documented.check(aside, "PUT /v1/ingest", IngestReceipt, RECEIPT)
    foreseen = lake.ask("PUT", "/v1/ingest?name=put2&dry_run=true&types=c:double", bad)
    documented.check(foreseen, "PUT /v1/ingest", IngestDryRun, DRY_RUN)
    staged = lake.ask("PUT", "/v1/ingest?name=put3&on_error=quarantine&stage=true", b"a,\n1,x\n2\n")
    documented.check(staged, "PUT /v1/ingest", StagedIngest, STAGED)


def test_compaction(lake: Lake, documented: Documented) -> None:
    file = BytesIO()
    pq.write_table(pa.table({"a": pa.array([1], pa.uint8())}), file)
    lake.ingest("name=compact1&format=parquet", file.getvalue())
    counts = ("objects_before", "objects_after", "objects_read", "bytes_read", "bytes_written")
    column = {"name": 0, "was": 0, "is": 0}
    dataset = dict.fromkeys(("name", *counts, "rows"), 0)
    dataset |= {"columns": [column], "problems": ANY}
    expected = {"dry_run": 0, "datasets": [dataset], "seq": 0}
    answer = post(lake, "/v1/catalog/compact", name="compact1")
    documented.check(answer, "POST /v1/catalog/compact", CompactReport, expected)


def test_change_sets_and_staged_files(lake: Lake, documented: Documented) -> None:
    aside = b"a,\n1,x\n2\n"
    staged = lake.ingest("name=s1&on_error=quarantine&stage=true", aside)
    documented.check(staged, "POST /v1/ingest", StagedIngest, STAGED)
    rename = post(lake, "/v1/catalog/rename", name=lake.register("s2").json["name"], to="s3")
    renamed = {"name": 0, "to": 0, "dataset_id": 0, "seq": 0}
    documented.check(rename, "POST /v1/catalog/rename", Renamed, renamed)
    commit = {"op": "commit", "staged": staged.json["staged"]}
    result = {"op": 0, "name": 0, "to": 0, "dataset_id": 0, "row_count": 0}
    answer = post(lake, "/v1/catalog/transaction", changes=[commit, {"op": "drop", "name": "s3"}])
    expected = {"seq": 0, "results": [result]}
    documented.check(answer, "POST /v1/catalog/transaction", TransactionReceipt, expected)


def test_changed_rows(lake: Lake, documented: Documented) -> None:
    lake.ingest("name=rows1", b"a\n1\n2\n")
    deleted = post(lake, "/v1/catalog/delete", name="rows1", where="a = 1")
    expected = {"rows_deleted": 0, "objects_rewritten": 0, "seq": 0}
    documented.check(deleted, "POST /v1/catalog/delete", DeleteReceipt, expected)
    updated = post(lake, "/v1/catalog/update", name="rows1", set={"a": "a + 1"}, where="true")
    expected = {"rows_updated": 0, "objects_rewritten": 0, "seq": 0}
    documented.check(updated, "POST /v1/catalog/update", UpdateReceipt, expected)
    lake.put("rows1.csv", b"a\n1\n2\n")
    erased = post(lake, "/v1/catalog/erase", name="rows1", where="a = 3", reason="r", dry_run=False)
    documented.check(erased, "POST /v1/catalog/erase", EraseReport, ERASED)


def test_views(lake: Lake, documented: Documented) -> None:
    lake.ingest("name=v1", b"a\n1\n")
    safe = {"of": 0, "masks": {"a": 0}, "rows": 0, "unmasked": ["a"]}
    expected = {
        "name": 0, "sql": 0, "safe": safe, "comment": 0, "columns": [COLUMN], "reads": [0],
        "created_at": 0, "updated_at": 0, "seq": 0,
    }  # fmt: skip
    plain = expected | {"safe": 0}
    put = lake.ask("PUT", "/v1/catalog/view/v2", {"sql": "SELECT * FROM v1"})
    documented.check(put, "PUT /v1/catalog/view/{name}", View, plain)
    documented.check(
        lake.ask("GET", "/v1/catalog/view/v2"), "GET /v1/catalog/view/{name}", View, plain
    )
    listed = lake.ask("GET", "/v1/catalog/views")
    page = {"views": [plain], "seq": 0, "next": 0}
    documented.check(listed, "GET /v1/catalog/views", ViewList, page)
    dropped = {"name": 0, "seq": 0}
    drop = lake.ask("DELETE", "/v1/catalog/view/v2")
    documented.check(drop, "DELETE /v1/catalog/view/{name}", ViewDropped, dropped)


def test_profiles(lake: Lake, documented: Documented) -> None:
    names = {"x": {"to": "y", "as_of": 1}}
    expected = {
        "name": 0, "names": {"x": {"to": 0, "as_of": 0}}, "others": 0, "created_at": 0,
        "updated_at": 0, "seq": 0,
    }  # fmt: skip
    lake.put("p")
    put = lake.ask("PUT", "/v1/catalog/profile/p", {"names": names, "others": "hidden"})
    documented.check(put, "PUT /v1/catalog/profile/{name}", Profile, expected)
    show = lake.ask("GET", "/v1/catalog/profile/p")
    documented.check(show, "GET /v1/catalog/profile/{name}", Profile, expected)
    listed = lake.ask("GET", "/v1/catalog/profiles")
    page = {"profiles": [expected], "seq": 0, "next": 0}
    documented.check(listed, "GET /v1/catalog/profiles", ProfileList, page)
    drop = lake.ask("DELETE", "/v1/catalog/profile/p")
    dropped = {"name": 0, "seq": 0}
    documented.check(drop, "DELETE /v1/catalog/profile/{name}", ProfileDropped, dropped)


def test_derived_datasets(lake: Lake, documented: Documented) -> None:
    lake.ingest("name=derived_from")
    body = {"name": "derived", "sql": "SELECT 1 AS a FROM derived_from"}
    done = post(lake, "/v1/catalog/derive", **body)
    documented.check(done, "POST /v1/catalog/derive", DeriveReceipt, DERIVED)
    lake.ingest("name=derived_from", b"a\n2\n")
    again = post(lake, "/v1/catalog/refresh", name="derived")
    documented.check(again, "POST /v1/catalog/refresh", DeriveReceipt, DERIVED)
    row = {"name": 0, "outcome": 0, "seq": 0, "row_count": 0, "code": 0, "detail": 0}
    every = post(lake, "/v1/catalog/refresh", all=True)
    results = {"results": [row], "seq": 0}
    documented.check(every, "POST /v1/catalog/refresh", RefreshedAll, results)
    other = {"name": "derived", "sql": "SELECT 1 AS b FROM derived_from", "dry_run": True}
    dry_run = post(lake, "/v1/catalog/derive", **other)
    documented.check(dry_run, "POST /v1/catalog/derive", DeriveDryRun, DERIVE_DRY_RUN)
    staged = post(lake, "/v1/catalog/derive", **body, stage=True)
    members = STAGED | {"source": 0, "renamed": ANY, "type_reasons": ANY}
    documented.check(staged, "POST /v1/catalog/derive", StagedIngest, members)


def test_why(lake: Lake, documented: Documented) -> None:
    lake.ingest("name=explained&delimiter=,", b"a\n1\n", (*CSV, *CHANGED_BY))
    lineage = {"name": 0, "seq": 0, "uploads": [UPLOAD]}
    found = lake.ask("GET", "/v1/catalog/why/explained?where=a%3D1")
    documented.check(found, "GET /v1/catalog/why/{name}", Lineage, lineage)


def test_sql_and_its_queries(lake: Lake, documented: Documented) -> None:
    result = {"columns": [COLUMN], "rows": [ANY], "row_count": 0}
    documented.check(lake.sql("SELECT 1 AS a"), "POST /v1/sql", SqlResult, result)
    linked = lake.ask("GET", "/v1/sql?q=SELECT+1+AS+a", headers={"Accept": "application/json"})
    documented.check(linked, "GET /v1/sql", SqlResult, result)
    vectors = BytesIO()
    pq.write_table(pa.table({"v": [[1.0, 2.0]]}), vectors)
    parquet = {"Content-Type": "application/vnd.apache.parquet"}
    assert lake.ingest("name=with_vectors", vectors.getvalue(), parquet).status == 200
    body = {"dataset": "with_vectors", "column": "v", "vector": [1, 2], "k": 1}
    nearest = lake.ask("POST", "/v1/vectors/search", body)
    documented.check(nearest, "POST /v1/vectors/search", SqlResult, result)
    with asking(lake, LONG, "answers-1"):
        running = lake.ask("GET", "/v1/queries")
        page = {"queries": [QUERY], "next": 0}
        documented.check(running, "GET /v1/queries", RunningQueries, page)
        cancelled = lake.ask("DELETE", "/v1/queries/answers-1")
        names = {"query_id": 0, "cancelled": 0}
        documented.check(cancelled, "DELETE /v1/queries/{id}", CancelledQueries, names)


@pytest.mark.parametrize("view", VIEWS)
def test_system_views(lake: Lake, view: str) -> None:
    columns = lake.sql(f"SELECT * FROM lake.{view} LIMIT 1").json["columns"]
    assert [column["name"] for column in columns] == VIEWS[view].split()


def test_every_answer_of_the_table_is_checked() -> None:
    """Read from the files, so that the order of the tests does not matter."""
    text = "".join(path.read_text() for path in Path(__file__).parents[1].rglob("test_answers*.py"))
    called = re.findall(r'"((?:GET|PUT|POST|DELETE) /[^"]*)", (\w+)', text)
    documented = {
        (f"{route.method} {route.path}", each.__name__)
        for route in ROUTES
        for each in route.answers
        if isinstance(each, type)
    }
    assert set(called) == documented
