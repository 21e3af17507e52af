"""The Iceberg catalog over HTTP: namespaces, tables, snapshots, refusals, what is collected."""

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from iceberg_tables import BASE, TABLES, Json, agree, get, ids_of, load, scan
from lake_server import Lake, running_lake


def test_the_catalog(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    lake.ingest(f"name={name}")
    assert get(lake, f"{BASE}/config")["overrides"] == {}
    assert get(lake, f"{BASE}/config?warehouse=lake")["overrides"] == {}
    assert get(lake, f"{BASE}/namespaces") == {"namespaces": [["lake"]]}
    assert get(lake, f"{BASE}/namespaces?parent=lake") == {"namespaces": []}
    assert get(lake, f"{BASE}/namespaces/lake") == {"namespace": ["lake"], "properties": {}}
    assert {"namespace": ["lake"], "name": name} in get(lake, TABLES)["identifiers"]
    for path in (f"{BASE}/namespaces/lake", f"{TABLES}/{name}"):
        assert lake.ask("HEAD", path).status == 204
    assert get(lake, f"{BASE}/namespaces/lake/views")["identifiers"] == []


def test_tables_come_in_pages(lake: Lake, fresh: Callable[[], str]) -> None:
    names = [fresh() for _ in range(5)]
    for name in names:
        lake.ingest(f"name={name}")
    found, token = [], ""
    while token is not None:
        page = get(lake, f"{TABLES}?pageSize=2&pageToken={token}")
        assert len(page["identifiers"]) <= 2
        found += [each["name"] for each in page["identifiers"]]
        token = page["next-page-token"]
    assert found == sorted(set(found))
    assert set(names) <= set(found)


@pytest.mark.parametrize(
    ("method", "path", "status", "type_"),
    [
        ("GET", f"{TABLES}/absent", 404, "NoSuchTableException"),
        ("HEAD", f"{TABLES}/absent", 404, None),
        ("GET", f"{BASE}/namespaces/lake%1Fabsent/tables/snapshots", 404, "NoSuchTableException"),
        ("GET", f"{BASE}/namespaces/other/tables/t", 404, "NoSuchTableException"),
        ("GET", f"{BASE}/namespaces/other", 404, "NoSuchNamespaceException"),
        ("GET", f"{BASE}/namespaces/other/tables", 404, "NoSuchNamespaceException"),
        ("GET", f"{BASE}/namespaces?parent=other", 404, "NoSuchNamespaceException"),
        ("GET", f"{BASE}/config?warehouse=other", 400, "BadRequestException"),
        ("GET", f"{BASE}/config?warehouse=at:999999", 400, "BadRequestException"),
        ("GET", f"{BASE}/config?warehouse=at:yesterday", 400, "BadRequestException"),
        ("GET", f"{BASE}/at999999/namespaces", 400, "BadRequestException"),
        ("GET", f"{BASE}/nothing", 404, "NoSuchEndpointException"),
        ("GET", "/iceberg/v2/config", 404, "NoSuchEndpointException"),
        ("POST", f"{BASE}/namespaces", 406, "UnsupportedOperationException"),
        ("POST", TABLES, 406, "UnsupportedOperationException"),
        ("POST", f"{TABLES}/t", 406, "UnsupportedOperationException"),
        ("DELETE", f"{TABLES}/t", 406, "UnsupportedOperationException"),
        ("POST", f"{BASE}/transactions/commit", 406, "UnsupportedOperationException"),
        ("POST", f"{TABLES}/absent/metrics", 404, "NoSuchTableException"),
    ],
)
def test_refusals_have_icebergs_form(
    lake: Lake, method: str, path: str, status: int, type_: str | None
) -> None:
    head = lake.head()
    answer = lake.ask(method, path)
    assert answer.status == status
    assert lake.head() == head
    if type_ is not None:
        error = answer.json["error"]
        assert (error["type"], error["code"]) == (type_, status)
        assert error["message"]


def test_metrics_are_taken(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    lake.ingest(f"name={name}")
    assert (
        lake.ask("POST", f"{TABLES}/{name}/metrics", {"report-type": "scan-report"}).status == 204
    )


def test_every_version_is_a_snapshot(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    seqs = [
        lake.ingest(f"name={name}", b"a,b\n1,x\n2,\n").seq,
        lake.ingest(f"name={name}&mode=append", b"b,a\ny,3\n").seq,
        lake.ingest(f"name={name}&mode=append&schema_change=widen", b"a,b,c\n4,z,1.5\n").seq,
    ]
    deleted = lake.ask("POST", "/v1/catalog/delete", {"name": name, "where": "a = 2"})
    replaced = lake.ingest(f"name={name}", b"a,b,c\n9,z,\n")
    restored = lake.ask("POST", "/v1/catalog/restore", {"name": name, "as_of": seqs[1]})
    seqs += [deleted.seq, replaced.seq, restored.seq]
    lake.ask("POST", "/v1/catalog/pin", {"name": name, "as_of": seqs[0]})
    assert ids_of(agree(lake, name)) == seqs


def test_lives_have_ids_of_their_own(lake: Lake, fresh: Callable[[], str]) -> None:
    name, other = fresh(), fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    first = load(lake, name)
    lake.ingest(f"name={name}", b"a\n2\n")
    assert load(lake, name)["table-uuid"] == first["table-uuid"]
    lake.drop(name)
    lake.ingest(f"name={name}", b"a\n3\n")
    again = agree(lake, name)
    assert again["table-uuid"] != first["table-uuid"]
    assert len(again["snapshots"]) == 1
    renamed = lake.ask("POST", "/v1/catalog/rename", {"name": name, "to": other})
    assert ids_of(agree(lake, other)) == [renamed.seq]
    lake.ingest(f"name={other}&mode=append", b"a\n4\n")
    assert len(agree(lake, other)["snapshots"]) == 2
    lake.ingest(f"name={name}", b"a\n5\n")
    lake.ask(
        "POST", "/v1/catalog/transaction", {"changes": [{"op": "swap", "a": name, "b": other}]}
    )
    assert len(agree(lake, name)["snapshots"]) == len(agree(lake, other)["snapshots"]) == 1


def test_change_sets(lake: Lake, fresh: Callable[[], str]) -> None:
    name, other = fresh(), fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    lake.ingest(f"name={other}", b"a\n9\n")
    staged = lake.ingest(f"name={name}&mode=append&stage=true", b"a\n2\n").json["staged"]
    changes = [{"op": "commit", "staged": staged}, {"op": "drop", "name": other}]
    seq = lake.ask("POST", "/v1/catalog/transaction", {"changes": changes}).seq
    assert ids_of(agree(lake, name))[-1] == seq
    staged = lake.ingest(f"name={name}&stage=true", b"a\n3\n").json["staged"]
    changes = [{"op": "drop", "name": name}, {"op": "commit", "staged": staged}]
    seq = lake.ask("POST", "/v1/catalog/transaction", {"changes": changes}).seq
    assert ids_of(agree(lake, name)) == [seq], "a life that begins within a change set"


def test_the_lake_as_of_then(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    before = lake.head()
    first = lake.ingest(f"name={name}", b"a\n1\n").seq
    lake.ingest(f"name={name}&mode=append", b"a\n2\n")
    lake.drop(name)
    prefix = get(lake, f"{BASE}/config?warehouse=at:{first}")["overrides"]["prefix"]
    assert prefix == f"at{first}"
    then = load(lake, name, f"/{prefix}")
    assert ids_of(then) == [first]
    assert scan(then["snapshots"][0], then) == [(1,)]
    assert lake.ask("GET", f"{BASE}/at{before}/namespaces/lake/tables/{name}").status == 404
    nothing = get(lake, f"{BASE}/config?warehouse=at:0")["overrides"]["prefix"]
    assert get(lake, f"{BASE}/{nothing}/namespaces/lake/tables")["identifiers"] == []


def test_by_time(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    for number in range(3):
        lake.ingest(f"name={name}", f"a\n{number}\n".encode())
    for each in load(lake, name)["snapshots"]:
        at = dt.datetime.fromtimestamp(each["timestamp-ms"] / 1000, dt.UTC).isoformat()
        answer = lake.sql(f"SELECT a FROM {name}", as_of=at)
        assert int(answer.headers["X-Journal-Seq"]) >= each["snapshot-id"]


def test_derived_objects_are_the_same_from_every_process(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    with running_lake(bucket) as lake, running_lake(bucket) as second:
        for number in range(40):
            lake.ingest("name=t&mode=append", f"a\n{number}\n".encode())
        load(lake, "t")
        made = {p.name: p.read_bytes() for p in (bucket / "_iceberg").rglob("*.*")}
        shutil.rmtree(bucket / "_iceberg")
        second.sql("SELECT 1", (("X-Min-Seq", str(lake.head())),))
        agree(second, "t")
        assert {p.name: p.read_bytes() for p in (bucket / "_iceberg").rglob("*.*")} == made
        shutil.rmtree(bucket / "_iceberg")
        agree(lake, "t")
        assert {p.name: p.read_bytes() for p in (bucket / "_iceberg").rglob("*.*")} == made
        lake.ingest("name=t&mode=append", b"a\n40\n")
        assert len(agree(lake, "t")["snapshots"]) == 41


def test_collected_versions_leave(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket") as lake:
        seqs = [lake.ingest("name=t", f"a\n{number}\n".encode()).seq for number in range(3)]
        lake.ask("POST", "/v1/catalog/pin", {"name": "t", "as_of": seqs[0]})
        assert ids_of(load(lake, "t")) == seqs
        done = lake.ask("POST", "/v1/gc", {"dry_run": False, "older_than": "0s"}).json
        assert (done["marked"], done["deleted"], done["left"]) == (1, 0, 1), "engines may read it"
        metadata = agree(lake, "t")
        assert ids_of(metadata) == [seqs[0], seqs[2]]
        assert [each["snapshot-id"] for each in metadata["snapshot-log"]] == [seqs[2]]
        assert metadata["snapshots"][1]["parent-snapshot-id"] == seqs[0]
        gone = lake.ask("GET", f"{BASE}/at{seqs[1]}/namespaces/lake/tables/t")
        assert 400 <= gone.status < 500
        assert ids_of(load(lake, "t", f"/at{seqs[0]}")) == [seqs[0]]


def test_erased_rows_do_not_wait_for_engines(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket") as lake:
        lake.ingest("name=t", b"a\n1\n2\n")
        load(lake, "t")
        body = {"name": "t", "where": "a = 1", "reason": "asked for", "dry_run": False}
        done = lake.ask("POST", "/v1/catalog/erase", body).json
        assert (done["objects"], done["collected"]) == (1, 1)
        metadata = agree(lake, "t")
        assert scan(metadata["snapshots"][0], metadata) == [(2,)]


def test_reserved_keys(lake: Lake) -> None:
    for prefix in ("_iceberg", "_vectors"):
        assert lake.put(f"{prefix}/x").status == 400


def test_metadata_that_no_table_needs_is_collected(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    with running_lake(bucket) as lake:
        for name in ("kept", "dropped"):
            for number in range(3):
                lake.ingest(f"name={name}&mode=append", f"a\n{number}\n".encode())
            load(lake, name)
        first = lake.head()
        needed = derived(bucket, load(lake, "kept"))
        dropped = derived(bucket, load(lake, "dropped"))
        lake.ingest("name=kept&mode=append", b"a\n3\n")
        now = derived(bucket, load(lake, "kept"))
        lake.drop("dropped")
        old = {each for each in needed if each.name.endswith("metadata.json")} | dropped
        young = lake.ask("POST", "/v1/gc", {"dry_run": False}).json
        assert not [each for each in young["objects"] if each["verdict"] == "derived"]
        assert young["foreign"] == []
        for path in needed | dropped:
            os.utime(path, (0, 0))
        report = lake.ask("POST", "/v1/gc", {"dry_run": True}).json
        listed = {bucket / e["object"] for e in report["objects"] if e["verdict"] == "derived"}
        assert listed == old
        lake.ask("POST", "/v1/gc", {"dry_run": False})
        assert {*(bucket / "_iceberg").rglob("*.*")} == now - old
        agree(lake, "kept")
        then = load(lake, "dropped", f"/at{first}")
        assert scan(then["snapshots"][-1], then) == [(0,), (1,), (2,)]


def derived(bucket: Path, metadata: Json) -> set[Path]:
    return {
        path for path in (bucket / "_iceberg").rglob("*.*") if metadata["table-uuid"] in str(path)
    }
