"""Watched directories over HTTP: what comes in, what waits, what is set aside, and what is refused."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answer_members import ANY
from documented_answers import Documented, post
from lake_server import Lake, running_lake
from principals import closed, principal
from refusals import nothing_changes, refused

from lakehouse.api.sources import Source, SourceDropped, SourceList, SourceRun

STATUS = {
    "looked_at": 0, "listed": 0, "waiting": ANY, "waiting_count": 0, "set_aside": ANY,
    "set_aside_count": 0, "skipped": ANY, "skipped_count": 0, "error": ANY,
}  # fmt: skip
SOURCE = {
    "name": 0, "uri": 0, "pattern": 0, "dataset": 0, "mode": 0, "options": ANY, "every": 0,
    "files_received": 0, "received_at": 0, "status": STATUS, "created_at": 0, "updated_at": 0, "seq": 0,
}  # fmt: skip


class Watched:
    """A source on a directory of one test, whose dataset has its name."""

    def __init__(self, lake: Lake, directory: Path) -> None:
        self.lake = lake
        self.directory = directory
        directory.mkdir(exist_ok=True)

    def put(self, name: str = "s", **more: Any) -> dict[str, Any]:
        body = {"uri": str(self.directory), "dataset": name, "every": 86_400} | more
        answer = self.lake.ask("PUT", f"/v1/sources/{name}", body)
        assert answer.status == 200, answer.body
        return answer.json

    def write(self, key: str, body: bytes | str) -> Path:
        path = self.directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body if isinstance(body, bytes) else body.encode())
        return path

    def run(self, name: str = "s") -> dict[str, Any]:
        answer = self.lake.ask("POST", f"/v1/sources/{name}/run")
        assert answer.status == 200, answer.body
        return answer.json

    def received(self, name: str = "s") -> list[str]:
        """What came in after two looks: the first may find files that are new to it."""
        first, second = self.run(name), self.run(name)
        return sorted(each["file"] for each in first["received"] + second["received"])

    def rows(self, name: str = "s") -> int | None:
        found = self.lake.ask("GET", f"/v1/catalog/manifest/{name}")
        return found.json["row_count"] if found.status == 200 else None


@pytest.fixture
def watched(own_lake: Lake, tmp_path: Path) -> Watched:
    return Watched(own_lake, tmp_path / "in")


def test_each_answer_is_as_documented(watched: Watched) -> None:
    documented, lake = Documented(watched.lake), watched.lake
    watched.write("a.csv", "a\n1\n")
    body = {"uri": str(watched.directory), "dataset": "s", "options": {"null": ["NA", "-"]}}
    put = lake.ask("PUT", "/v1/sources/s", body)
    documented.check(put, "PUT /v1/sources/{name}", Source, SOURCE)
    diff = lake.ask("GET", "/v1/catalog/diff?from=0").json["sources"]
    assert diff == [{"name": "s", "change": "added", "seq": {"from": None, "to": put.json["seq"]}}]
    assert put.json["options"] == {"null": ["-", "NA"]}
    assert (put.json["pattern"], put.json["mode"], put.json["every"]) == ("**/*", "append", 60)
    listed = lake.ask("GET", "/v1/sources")
    page = {"sources": [SOURCE], "seq": 0, "next": 0}
    documented.check(listed, "GET /v1/sources", SourceList, page)
    run = post(lake, "/v1/sources/s/run", wait=0)
    shape = {"name": 0, "received": ANY, "received_count": 0, "status": STATUS, "seq": 0}
    documented.check(run, "POST /v1/sources/{name}/run", SourceRun, shape)
    shown = lake.ask("GET", "/v1/sources/S")
    documented.check(shown, "GET /v1/sources/{name}", Source, SOURCE)
    dropped = lake.ask("DELETE", "/v1/sources/s")
    documented.check(dropped, "DELETE /v1/sources/{name}", SourceDropped, {"name": 0, "seq": 0})
    refused(lake.ask("GET", "/v1/sources/s"), 404, "source_not_found")
    refused(lake.ask("POST", "/v1/sources/s/run"), 404, "source_not_found")


def test_new_files_come_in_once_two_looks_found_them_the_same(watched: Watched) -> None:
    watched.put(pattern="**/*.csv")
    watched.write("b.csv", "a\n1\n")
    watched.write("x/c.csv.gz", "no match")
    watched.write(".part/d.csv", "no match")
    first = watched.run()
    assert (first["received_count"], first["status"]["waiting"]) == (0, ["b.csv"])
    second = watched.run()
    assert [(each["file"], each["rows"]) for each in second["received"]] == [("b.csv", 1)]
    assert second["status"]["waiting_count"] == 0
    event = watched.lake.ask("GET", f"/v1/journal/events?after={second['seq'] - 1}").json
    found = event["events"][0]
    assert (found["actor"], found["v"]) == ("lakehouse", 2)
    assert found["data"]["source"]["file"]["key"] == "b.csv"
    with nothing_changes(watched.lake):
        assert watched.received() == []


def test_a_late_file_with_a_smaller_name_comes_in(watched: Watched) -> None:
    watched.put()
    watched.write("m.csv", "a\n1\n")
    assert watched.received() == ["m.csv"]
    watched.write("a.csv", "a\n2\n")
    assert watched.received() == ["a.csv"]
    assert watched.rows() == 2


def test_a_file_that_grows_is_waited_for(watched: Watched) -> None:
    watched.put()
    path = watched.write("a.csv", "a\n1\n")
    watched.run()
    with path.open("a") as file:
        file.write("2\n")
    assert watched.run()["status"]["waiting"] == ["a.csv"]
    assert watched.run()["received_count"] == 1
    assert watched.rows() == 2


def test_the_same_content_comes_in_once(watched: Watched) -> None:
    watched.put()
    path = watched.write("a.csv", "a\n1\n")
    assert watched.received() == ["a.csv"]
    watched.write("copy.csv", "a\n1\n")
    path.write_text("a\n1\n")
    os.utime(path, ns=(1, 1))
    with nothing_changes(watched.lake):
        assert watched.received() == []
        assert watched.received() == []


def test_an_overwritten_file_comes_in_again(watched: Watched) -> None:
    watched.put()
    path = watched.write("a.csv", "a\n1\n")
    assert watched.received() == ["a.csv"]
    found = path.stat()
    path.write_text("a\n2\n")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert watched.received() == ["a.csv"], "its size and time of modification are the same"
    assert watched.rows() == 2


def test_replace_takes_the_oldest_first_and_one_that_changes_back_again(watched: Watched) -> None:
    watched.put(mode="replace")
    for number, key in enumerate(("r2.csv", "r1.csv"), 1):
        os.utime(watched.write(key, "id\n" + "1\n" * number), ns=(number, number))
    watched.run()
    assert [each["file"] for each in watched.run()["received"]] == ["r2.csv", "r1.csv"]
    assert watched.rows() == 2
    watched.write("r1.csv", "id\n" + "2\n" * 3)
    assert watched.received() == ["r1.csv"]
    watched.write("r1.csv", "id\n" + "1\n" * 2)
    assert watched.received() == ["r1.csv"]
    assert watched.rows() == 2


def test_a_bad_file_is_set_aside_shown_and_keeps_no_other_waiting(watched: Watched) -> None:
    watched.put(options={"types": "a:int64"})
    bad = watched.write("a.csv", "a\nx\n")
    watched.write("cut.csv.gz", gzip.compress(b"a\n1\n" * 100)[:-20])
    watched.write("z.csv", "a\n1\n")
    assert watched.received() == ["z.csv"]
    status = watched.lake.ask("GET", "/v1/sources/s").json["status"]
    aside = {each["file"]: (each["code"], each["tries"]) for each in status["set_aside"]}
    assert aside["a.csv"] == ("value_does_not_fit", 1)
    assert aside.keys() == {"a.csv", "cut.csv.gz"}
    assert all(each["next_try_at"] > status["looked_at"] for each in status["set_aside"])
    with nothing_changes(watched.lake):
        assert watched.received() == []
    bad.write_text("a\n2\n")
    assert watched.received() == ["a.csv"]
    assert watched.lake.ask("GET", "/v1/sources/s").json["status"]["set_aside_count"] == 1


def test_what_is_undone_does_not_come_in_again(watched: Watched) -> None:
    watched.put()
    watched.write("a.csv", "a\n1\n")
    watched.received()
    seq = watched.lake.ask("GET", "/v1/journal/head").json["seq"]
    assert post(watched.lake, "/v1/journal/undo", seq=seq, dry_run=False).status == 200
    assert watched.rows() is None
    with nothing_changes(watched.lake):
        assert watched.received() == []
    watched.write("b.csv", "a\n2\n")
    assert watched.received() == ["b.csv"]


def test_a_source_put_again_goes_on_where_it_was(watched: Watched) -> None:
    watched.put()
    watched.write("a.csv", "a\n1\n")
    watched.received()
    watched.lake.ask("DELETE", "/v1/sources/s")
    assert watched.put()["files_received"] == 1
    with nothing_changes(watched.lake):
        assert watched.received() == []


def test_links_that_lead_out_and_special_files_are_skipped(
    watched: Watched, tmp_path: Path
) -> None:
    watched.put()
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    watched.write("real.csv", "a\n2\n")
    (watched.directory / "out.csv").symlink_to(secret)
    (watched.directory / "up").symlink_to(tmp_path)
    (watched.directory / "none.csv").symlink_to("nothing")
    (watched.directory / "inside.csv").symlink_to("real.csv")
    os.mkfifo(watched.directory / "fifo.csv")
    (watched.directory / os.fsdecode(b"\xff.csv")).write_text("a\n3\n")
    received = watched.received()
    assert received in (["real.csv"], ["inside.csv"]), "one content, under one of two names"
    skipped = {each["file"]: each["detail"] for each in watched.run()["status"]["skipped"]}
    assert skipped.keys() == {"out.csv", "up", "none.csv", "fifo.csv", "\ufffd.csv"}
    assert "out of the source" in skipped["out.csv"]


def test_a_directory_that_is_gone_is_an_error_of_the_source(watched: Watched) -> None:
    watched.put()
    watched.directory.rmdir()
    refused(watched.lake.ask("POST", "/v1/sources/s/run"), 503, "source_unavailable")
    status = watched.lake.ask("GET", "/v1/sources/s").json["status"]
    assert status["error"]["code"] == "source_unavailable"


@pytest.mark.parametrize(
    "body",
    [
        {"uri": "relative"},
        {"uri": "ftp://host/a"},
        {"uri": "s3://b"},
        {"uri": "/proc"},
        {"pattern": "../*.csv"},
        {"pattern": ""},
        {"every": 0},
        {"every": 86_401},
        {"mode": "overwrite"},
        {"mode": "merge"},
        {"options": {"where": "a = 1"}},
        {"options": {"delimiter": "ab"}},
        {"options": {"key": "id"}},
        {"options": {"schema_change": "replace"}},
        {"dry_run": True},
    ],
)
def test_a_definition_that_cannot_work_is_refused(watched: Watched, body: dict[str, Any]) -> None:
    whole = {"uri": str(watched.directory), "dataset": "s"} | body
    with nothing_changes(watched.lake):
        refused(watched.lake.ask("PUT", "/v1/sources/s", whole), 400, "invalid_request")


def test_names_are_checked(watched: Watched) -> None:
    body = {"uri": str(watched.directory), "dataset": "1"}
    refused(watched.lake.ask("PUT", "/v1/sources/s", body), 400, "invalid_name")
    refused(watched.lake.ask("PUT", "/v1/sources/s-1", body), 400, "invalid_name")
    missing = {"uri": "/nowhere/at/all", "dataset": "s"}
    refused(watched.lake.ask("PUT", "/v1/sources/s", missing), 503, "source_unavailable")


def test_the_lakes_own_directories_are_no_source(watched: Watched, tmp_path: Path) -> None:
    for uri in (watched.lake.bucket, tmp_path, watched.lake.bucket / "datasets"):
        uri.mkdir(exist_ok=True)
        body = {"uri": f"file://{uri}", "dataset": "s"}
        refused(watched.lake.ask("PUT", "/v1/sources/s", body), 400, "invalid_request")


def test_only_admins_see_sources_and_the_files_of_events(watched: Watched) -> None:
    lake = watched.lake
    watched.put()
    watched.write("a.csv", "a\n1\n")
    watched.received()
    lake.token = closed(lake)
    reader = principal(lake, "bo", {"s": ["read", "write", "manage"]})
    refused(reader.ask("GET", "/v1/sources"), 403, "forbidden")
    refused(reader.ask("POST", "/v1/sources/s/run"), 403, "forbidden")
    events = reader.ask("GET", "/v1/journal/events").json["events"]
    assert [each["type"] for each in events] == ["dataset_appended"]
    assert "file" not in events[0]["data"]["source"]
    assert "file" in lake.ask("GET", "/v1/journal/events").json["events"][1]["data"]["source"]


@pytest.fixture(scope="module")
def queried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """With query workers."""
    place = tmp_path_factory.mktemp("queried")
    with running_lake(place / "bucket") as lake:
        yield Watched(lake, place / "in")


def test_merge_replaces_rows_by_key(queried: Watched) -> None:
    queried.put("merged", mode="merge", pattern="m*.csv", options={"key": "id"})
    queried.write("m1.csv", "id,n\n1,a\n2,b\n")
    assert queried.received("merged") == ["m1.csv"]
    queried.write("m2.csv", "id,n\n2,c\n3,d\n")
    assert queried.received("merged") == ["m2.csv"]
    assert queried.rows("merged") == 3
    queried.write("m3.csv", "id,n\n")
    assert queried.received("merged") == [], "it has no row, so there is no event"


def test_the_system_view_shows_sources(queried: Watched) -> None:
    queried.put(pattern="[ab].csv", options={"types": "a:int64"})
    queried.write("a.csv", "a\n1\n")
    queried.write("b.csv", "a\nx\n")
    queried.received()
    sql = (
        "SELECT name, files_received, waiting, set_aside[1].file, set_aside[1].code, error "
        "FROM lake.sources WHERE name = 's'"
    )
    found = queried.lake.ask("POST", "/v1/sql", {"sql": sql})
    assert found.json["rows"] == [["s", 1, 0, "b.csv", "value_does_not_fit", None]]
    queried.lake.token = closed(queried.lake)
    reader = principal(queried.lake, "bo", {"*": ["read"]})
    assert reader.ask("POST", "/v1/sql", {"sql": sql}).json["rows"] == []
