"""Several stores: one id for each place, copies that are read, moved, lost and collected."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine
from lake_server import Lake, running_lake
from refusals import refused

from journal.bucket.errors import BucketUnavailable
from lakehouse.service.gc.collector import GcWaits
from lakehouse.service.service import ServiceLimits

CSV = b"id,name\n1,ada\n2,canary-of-bob\n"
ROWS = [[1, "ada"], [2, "canary-of-bob"]]
ALL = {"dry_run": False, "older_than": "0s"}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """A lake with a dataset and a key, and an empty store `cold`."""
    limits = ServiceLimits(waits=GcWaits(0, 0))
    with running_lake(tmp_path / "bucket", limits) as server:
        assert server.ingest("name=people", CSV).status == 200
        server.put("raw/a", b"bytes of a")
        assert put(server, "cold", tmp_path / "cold").status == 200
        yield server


def put(lake: Lake, id_: str, directory: Path) -> object:
    return lake.ask("PUT", f"/v1/stores/{id_}", {"url": directory.as_uri()})


def copy(lake: Lake, source: str, target: str, on: str = "*", how: str = "copy") -> dict:
    answer = lake.ask("POST", f"/v1/stores/{how}", {"from": source, "to": target, "on": on})
    assert answer.status == 200, answer.body
    return answer.json


def move(lake: Lake, source: str, target: str, on: str = "*") -> dict:
    return copy(lake, source, target, on, "move")


def rows(lake: Lake, **more: object) -> object:
    answer = lake.sql("SELECT * FROM people ORDER BY id", **more)
    assert answer.status == 200, answer.body
    return answer.json["rows"]


def data_files(directory: Path) -> list[Path]:
    """The files of blobs below a store."""
    return [
        path
        for prefix in ("datasets", "objects")
        for path in (directory / prefix).rglob("*")
        if path.is_file()
    ]


def holds(directory: Path, text: bytes) -> bool:
    """Whether a file of data below a store has these bytes, as they are or in Parquet."""
    return any(text in path.read_bytes() for path in data_files(directory))


class TestPlaces:
    def test_one_place_has_one_id_whatever_its_name(self, lake: Lake, tmp_path: Path) -> None:
        refused(put(lake, "other", tmp_path / "cold"), 409, "store_taken")
        refused(put(lake, "other", tmp_path / "cold" / "inside"), 409, "store_taken")
        refused(put(lake, "other", tmp_path), 409, "store_taken")
        refused(put(lake, "other", lake.bucket / "inside"), 409, "store_taken")
        (tmp_path / "link").symlink_to(tmp_path / "cold")
        refused(put(lake, "other", tmp_path / "link"), 409, "store_taken")
        refused(put(lake, "main", tmp_path / "new"), 409, "store_taken")

    def test_a_place_under_another_name_is_known_by_its_mark(
        self, lake: Lake, tmp_path: Path
    ) -> None:
        (tmp_path / "cold").rename(tmp_path / "elsewhere")
        detail = refused(put(lake, "other", tmp_path / "elsewhere"), 409, "store_taken")
        assert "store cold" in detail.json["detail"]

    def test_a_place_with_a_journal_is_refused(self, lake: Lake, tmp_path: Path) -> None:
        with running_lake(tmp_path / "second", queries=False):
            refused(put(lake, "other", tmp_path / "second"), 409, "store_taken")

    @pytest.mark.parametrize(
        "url", ["relative", "s3://key:secret@bucket/x", "file://host/x", "memory://", "s3://b?x"]
    )
    def test_another_url_is_refused_and_not_repeated(self, lake: Lake, url: str) -> None:
        answer = lake.ask("PUT", "/v1/stores/other", {"url": url})
        refused(answer, 400, "invalid_request")
        assert "key:secret" not in answer.json["detail"]

    def test_credentials_that_this_process_lacks(self, lake: Lake) -> None:
        body = {"url": "s3://bucket/prefix", "credentials": "absent"}
        refused(lake.ask("PUT", "/v1/stores/other", body), 503, "store_unavailable")

    @pytest.mark.parametrize("id_", ["copy", "Cold", "a.b", ""])
    def test_other_ids_are_refused(self, lake: Lake, id_: str, tmp_path: Path) -> None:
        answer = lake.ask("PUT", f"/v1/stores/{id_}", {"url": (tmp_path / "x").as_uri()})
        assert answer.status in (400, 405)

    def test_a_store_with_copies_stays(self, lake: Lake) -> None:
        copy(lake, "main", "cold")
        refused(lake.ask("DELETE", "/v1/stores/cold"), 409, "store_in_use")
        refused(lake.ask("DELETE", "/v1/stores/none"), 404, "store_not_found")
        refused(lake.ask("GET", "/v1/stores/none"), 404, "store_not_found")

    def test_the_view_shows_them(self, lake: Lake) -> None:
        copy(lake, "main", "cold", "people")
        found = lake.sql("SELECT id, copies, released FROM lake.stores").json["rows"]
        assert found == [["cold", 1, 0]]


class TestCopies:
    def test_on_chooses_as_a_grant_does(self, lake: Lake) -> None:
        assert copy(lake, "main", "cold", "peop*")["copied"] == 1
        assert copy(lake, "main", "cold", "storage:raw/*")["copied"] == 1
        again = copy(lake, "main", "cold", "*")
        assert (again["objects"], again["copied"]) == (2, 0)
        refused(
            lake.ask("POST", "/v1/stores/copy", {"from": "main", "to": "main", "on": "*"}),
            400,
            "invalid_request",
        )

    def test_the_next_copy_is_read_where_one_is_gone_or_damaged(
        self, lake: Lake, tmp_path: Path
    ) -> None:
        copy(lake, "main", "cold")
        for path in data_files(lake.bucket):
            body = bytearray(path.read_bytes())
            body[len(body) // 2] ^= 1
            path.write_bytes(body)
        assert rows(lake) == ROWS
        assert lake.get("raw/a").body == b"bytes of a"
        for path in data_files(lake.bucket):
            path.unlink()
        assert rows(lake) == ROWS
        assert lake.get("raw/a").body == b"bytes of a"

    def test_a_copy_that_the_store_changes_is_not_recorded(
        self, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bucket = lake.run(lake.service.copying._opened.at("cold"))
        upload = bucket.upload

        async def torn(name: str, source: Path) -> None:
            source.write_bytes(source.read_bytes()[:-1])
            await upload(name, source)

        monkeypatch.setattr(bucket, "upload", torn)
        body = {"from": "main", "to": "cold", "on": "*"}
        refused(lake.ask("POST", "/v1/stores/move", body), 500, "object_damaged")
        assert lake.ask("GET", "/v1/stores/cold").json["copies"] == 0
        assert rows(lake) == ROWS


class TestMoves:
    def test_a_move_is_read_now_and_as_of_before(self, lake: Lake, tmp_path: Path) -> None:
        assert move(lake, "main", "cold")["released"] == 2
        assert rows(lake) == ROWS
        assert lake.ask("POST", "/v1/gc", ALL).json["copies_deleted"] == 2
        assert data_files(lake.bucket) == []
        assert len(data_files(tmp_path / "cold")) == 2
        assert rows(lake) == rows(lake, as_of=1) == ROWS
        assert lake.get("raw/a").body == b"bytes of a"

    def test_without_its_store_the_answer_names_it(self, lake: Lake, tmp_path: Path) -> None:
        move(lake, "main", "cold", "people")
        lake.ask("POST", "/v1/gc", ALL)
        lake.run(lake.service.copying._opened.close())
        (tmp_path / "cold").rename(tmp_path / "away")
        answer = refused(lake.sql("SELECT max(id) FROM people"), 503, "store_unavailable")
        assert "cold" in answer.json["detail"]
        assert lake.get("raw/a").status == 200
        assert not (tmp_path / "cold").exists()

    def test_a_disk_that_is_not_mounted_is_not_used(self, lake: Lake, tmp_path: Path) -> None:
        lake.run(lake.service.copying._opened.close())
        (tmp_path / "cold").rename(tmp_path / "away")
        (tmp_path / "cold").mkdir()
        body = {"from": "main", "to": "cold", "on": "*"}
        refused(lake.ask("POST", "/v1/stores/copy", body), 503, "store_unavailable")
        assert data_files(tmp_path / "cold") == []

    def test_an_older_copy_is_compared_before_the_other_is_released(
        self, lake: Lake, tmp_path: Path
    ) -> None:
        copy(lake, "main", "cold")
        (first, _) = data_files(tmp_path / "cold")
        first.unlink()
        assert (move(lake, "main", "cold")["released"], len(data_files(lake.bucket))) == (1, 2)
        lake.ask("POST", "/v1/gc", ALL)
        assert len(data_files(lake.bucket)) == 1

    def test_there_and_back_leaves_the_store_empty(self, lake: Lake, tmp_path: Path) -> None:
        move(lake, "main", "cold")
        lake.ask("POST", "/v1/gc", ALL)
        move(lake, "cold", "main")
        lake.ask("POST", "/v1/gc", ALL)
        assert data_files(tmp_path / "cold") == []
        assert rows(lake) == ROWS
        assert lake.ask("DELETE", "/v1/stores/cold").status == 200
        assert put(lake, "cold", tmp_path / "cold").status == 200
        lake.ask("DELETE", "/v1/stores/cold")
        refused(put(lake, "other", tmp_path / "cold"), 409, "store_taken")

    def test_rows_are_changed_where_the_objects_were_moved(self, lake: Lake) -> None:
        move(lake, "main", "cold")
        lake.ask("POST", "/v1/gc", ALL)
        deleted = lake.ask("POST", "/v1/catalog/delete", {"name": "people", "where": "id = 1"})
        assert deleted.status == 200, deleted.body
        assert lake.ingest("name=people&mode=append", b"id,name\n3,eve\n").status == 200
        assert rows(lake) == [ROWS[1], [3, "eve"]]


class TestRemoval:
    def test_gc_deletes_every_copy(self, lake: Lake, tmp_path: Path) -> None:
        copy(lake, "main", "cold")
        lake.drop("people")
        lake.delete("raw/a")
        lake.ask("POST", "/v1/gc", ALL)
        assert data_files(lake.bucket) + data_files(tmp_path / "cold") == []

    def test_an_erasure_reaches_every_store(self, lake: Lake, tmp_path: Path) -> None:
        copy(lake, "main", "cold", "people")
        assert lake.put("near", CSV).status == 200
        move(lake, "main", "cold", "storage:near")
        lake.delete("near")
        lake.ask("POST", "/v1/gc", ALL)
        body = {"name": "people", "where": "id = 2", "reason": "asked", "dry_run": False}
        erased = lake.ask("POST", "/v1/catalog/erase", body)
        assert erased.status == 200, erased.body
        assert not holds(lake.bucket, b"canary-of-bob")
        assert not holds(tmp_path / "cold", b"canary-of-bob")
        assert rows(lake) == rows(lake, as_of=1) == ROWS[:1]

    def test_an_erasure_names_a_store_that_is_away(self, lake: Lake, tmp_path: Path) -> None:
        copy(lake, "main", "cold", "people")
        lake.run(lake.service.copying._opened.close())
        (tmp_path / "cold").rename(tmp_path / "away")
        body = {"name": "people", "where": "id = 2", "reason": "asked", "dry_run": False}
        erased = lake.ask("POST", "/v1/catalog/erase", body).json
        assert ["store", "cold"] in [[each["kind"], each["name"]] for each in erased["also"]]
        assert rows(lake) == ROWS[:1]
        (tmp_path / "away").rename(tmp_path / "cold")
        lake.service.copying._opened._down.clear()
        assert lake.ask("POST", "/v1/gc", ALL).json["left"] == 0
        assert data_files(tmp_path / "cold") == []

    def test_what_a_store_that_is_away_holds_is_not_called_collected(
        self, lake: Lake, tmp_path: Path
    ) -> None:
        copy(lake, "main", "cold")
        lake.drop("people")
        lake.run(lake.service.copying._opened.close())
        (tmp_path / "cold").rename(tmp_path / "away")
        report = lake.ask("POST", "/v1/gc", ALL).json
        assert (report["deleted"], report["left"]) == (0, 1)
        assert report["stores_unavailable"] == ["cold"]
        (tmp_path / "away").rename(tmp_path / "cold")
        lake.service.copying._opened._down.clear()
        report = lake.ask("POST", "/v1/gc", ALL).json
        assert (report["deleted"], report["left"]) == (1, 0)
        assert len(data_files(tmp_path / "cold")) == 1

    def test_a_copy_that_no_event_names_is_deleted_once_it_is_old(
        self, lake: Lake, tmp_path: Path
    ) -> None:
        copy(lake, "main", "cold", "people")
        (known,) = data_files(tmp_path / "cold")
        lake_id = lake.service.node.follower.journal.lake.lake[:8]
        old, young, foreign = (
            known.with_name(f"{'0' * 64}-{of}-1-{name}")
            for of, name in ((lake_id, "old"), (lake_id, "young"), ("00000000", "old"))
        )
        for path in (old, young, foreign):
            path.write_bytes(b"left behind")
        for path in (old, foreign):
            os.utime(path, (0, 0))
        assert lake.ask("POST", "/v1/gc", ALL).json["copies_deleted"] == 1
        assert sorted(data_files(tmp_path / "cold")) == sorted((known, young, foreign))


def test_a_store_that_breaks_off_is_followed_by_the_next(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = os.urandom(5 << 20)
    lake.put("long", body)
    copy(lake, "main", "cold", "storage:long")
    stream = lake.service.copying._opened.main.stream

    async def broken(key: str, start: int = 0, length: int | None = None) -> object:
        given = 0
        async for piece in stream(key, start, length):
            yield piece
            given += len(piece)
            if given >= 1 << 20:
                raise BucketUnavailable("it breaks off")

    monkeypatch.setattr(lake.service.copying._opened.main, "stream", broken)
    assert lake.get("long").body == body


def test_engines_get_the_url_of_a_copy_that_is_read(lake: Lake, tmp_path: Path) -> None:
    table = "/iceberg/v1/namespaces/lake/tables/people"
    assert lake.ask("GET", table).status == 200
    place = (tmp_path / "cold" / "objects").as_uri().encode()
    assert not _named_in_manifests(lake, place)
    copy(lake, "main", "cold", "people")
    first = lake.ask("GET", table).json["metadata-location"]
    assert not _named_in_manifests(lake, place)
    move(lake, "main", "cold", "people")
    assert lake.ask("GET", table).json["metadata-location"] != first
    assert _named_in_manifests(lake, place)


def _named_in_manifests(lake: Lake, text: bytes) -> bool:
    manifests = (lake.bucket / "_iceberg").rglob("files-*.avro")
    return any(text in path.read_bytes() for path in manifests)


def test_an_exported_lake_has_all_objects_and_leaves_the_stores_alone(
    lake: Lake, tmp_path: Path, lakehouse: CommandLine
) -> None:
    move(lake, "main", "cold")
    lake.ask("POST", "/v1/gc", ALL)
    target = tmp_path / "exported"
    lakehouse("journal", "export", str(target), "--bucket", str(lake.bucket))
    kept = sorted(data_files(tmp_path / "cold"))
    with running_lake(target, ServiceLimits(waits=GcWaits(0, 0))) as copied:
        assert rows(copied) == ROWS
        assert copied.get("raw/a").body == b"bytes of a"
        copied.drop("people")
        report = copied.ask("POST", "/v1/gc", ALL).json
        assert (report["deleted"], report["stores_unavailable"]) == (0, ["cold"])
        refused(put(copied, "cold", tmp_path / "cold"), 409, "store_taken")
    assert sorted(data_files(tmp_path / "cold")) == kept
    assert rows(lake) == ROWS
