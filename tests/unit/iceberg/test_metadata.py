"""The derived objects of a table: the same bytes whoever derives them, and bounded lists."""

import io
from collections.abc import Iterator
from itertools import pairwise

import fastavro
import pyarrow as pa
from msgspec import structs

from lakehouse.iceberg.metadata import Deriver, directory
from lakehouse.iceberg.table import File, Version, object_url, table_uuid, timestamp_ms

ROOT = "file:///lake"
ID = "0f2b6c1e-6e0a-5c0e-9a58-5b8a9f0e2f11"
ONE = pa.schema([("a", pa.int64())])
TWO = pa.schema([("a", pa.int64()), ("b", pa.string())])


def file(number: int) -> File:
    return File(object_url(ROOT, f"objects/{number}"), 10, 100)


def version(seq: int, *numbers: int, schema: pa.Schema = ONE) -> Version:
    """A version with all of its files."""
    return Version(seq, 1_000 * seq, schema, tuple(map(file, numbers)), appends=False)


def steps(*versions: Version) -> Iterator[Version]:
    """The same versions: of one that begins with the files of the version before, what it appends."""
    before: tuple[File, ...] = ()
    for each in versions:
        appends = each.files[: len(before)] == before
        added = each.files[len(before) :] if appends else each.files
        yield structs.replace(each, files=added, appends=appends)
        before = each.files


def derived(*versions: Version) -> tuple[Deriver, dict[str, bytes]]:
    deriver = Deriver(ID, ROOT)
    for each in steps(*versions):
        deriver.add(each)
    deriver.document()
    return deriver, deriver.take()


def rows(body: bytes) -> list[dict[str, object]]:
    return list(fastavro.reader(io.BytesIO(body)))


def listed(objects: dict[str, bytes], seq: int) -> list[str]:
    """The files of a snapshot, by its manifest list and manifests."""
    key = next(key for key in objects if f"/snap-{seq}-" in key)
    found: list[str] = []
    for each in rows(objects[key]):
        manifest = objects[str(each["manifest_path"]).removeprefix(f"{ROOT}/")]
        assert len(manifest) == each["manifest_length"]
        found += [row["data_file"]["file_path"] for row in rows(manifest)]
    return found


def test_each_snapshot_lists_its_own_files() -> None:
    versions = [
        version(3, 1),
        version(5, 1, 2),
        version(8, 4, 2),
        version(9, 4, 2, 5, schema=TWO),
    ]
    deriver, objects = derived(*versions)
    for each in versions:
        assert listed(objects, each.seq) == [file.path for file in each.files]
    document = deriver.document().json
    assert [each["snapshot-id"] for each in document["snapshots"]] == [3, 5, 8, 9]
    assert [each.get("parent-snapshot-id") for each in document["snapshots"]] == [None, 3, 5, 8]
    operations = [each["summary"]["operation"] for each in document["snapshots"]]
    assert operations == ["append", "append", "overwrite", "append"]
    assert [each["schema-id"] for each in document["snapshots"]] == [0, 0, 0, 1]
    assert document["current-schema-id"] == 1
    assert document["snapshots"][-1]["summary"]["total-records"] == "30"
    assert all(key.startswith(directory(ID)) for key in objects)


def test_a_file_keeps_the_snapshot_that_added_it() -> None:
    _, objects = derived(version(3, 1), version(5, 1, 2), version(8, 2, 1))
    entries = {
        row["data_file"]["file_path"]: row["snapshot_id"]
        for key, body in objects.items()
        if "/files-" in key
        for row in rows(body)
    }
    assert entries == {file(1).path: 3, file(2).path: 5}


def test_the_same_bytes_by_steps_and_at_once() -> None:
    versions = [version(seq, *range(seq)) for seq in range(1, 80)]
    _, at_once = derived(*versions)
    deriver, by_steps = Deriver(ID, ROOT), {}
    for each in steps(*versions):
        deriver.add(each)
        by_steps |= deriver.take()
    deriver.document()
    assert by_steps | deriver.take() == at_once


def test_many_appends_share_their_manifests() -> None:
    deriver = Deriver(ID, ROOT)
    files = tuple(map(file, range(2_100)))
    longest = 0
    made: dict[str, bytes] = {}
    for count in range(1, 2_101):
        deriver.add(Version(count, count, ONE, files[count - 1 : count], appends=True))
        taken = deriver.take()
        longest = max(longest, *(len(rows(b)) for key, b in taken.items() if "/snap-" in key))
        made |= taken
    assert longest <= 2 + 32 + 32
    last = {**made}
    assert listed(last, 2_100) == [each.path for each in files]
    # One manifest for each append, and one for each 32 and 1,024 of them.
    assert sum("/files-" in key for key in made) == 2_100 + 65 + 2


def test_times_before_a_version_that_left_are_not_answered() -> None:
    deriver = Deriver(ID, ROOT)
    first, *later = steps(version(3, 1), version(8, 4), version(9, 4, 5))
    deriver.add(first)
    deriver.leave_out()
    for each in later:
        deriver.add(each)
    document = deriver.document().json
    assert [each["snapshot-id"] for each in document["snapshots"]] == [3, 8, 9]
    assert [each["snapshot-id"] for each in document["snapshot-log"]] == [8, 9]
    assert document["snapshots"][1]["parent-snapshot-id"] == 3


def test_times_are_rounded_up() -> None:
    assert timestamp_ms("1970-01-01T00:00:01.000000Z") == 1_000
    assert timestamp_ms("1970-01-01T00:00:01.000001Z") == 1_001
    assert timestamp_ms("1970-01-01T00:00:01.999999Z") == 2_000
    times = [timestamp_ms(f"2026-11-26T09:15:30.{part:06d}Z") for part in range(0, 10**6, 997)]
    assert all(one <= other for one, other in pairwise(times))


def test_the_id_of_a_table_is_that_of_its_life() -> None:
    assert table_uuid(ID, 7) == table_uuid(ID, 7)
    assert table_uuid(ID, 7) != table_uuid(ID, 8)


def test_another_writer_of_avro_encodes_the_same_bytes() -> None:
    many = [version(seq, *range(seq)) for seq in (1, 40, 300)]
    replaced = version(70_000, *range(5, 300), 70_000)
    largest = Version(2**53, 1, ONE, (File("file:///ä" * 40, 2**40, 2**62),), appends=False)
    _, objects = derived(*many, replaced, largest)
    bodies = [body for key, body in objects.items() if key.endswith(".avro")]
    assert len(bodies) > 100
    for body in bodies:
        found = fastavro.reader(io.BytesIO(body))
        written = io.BytesIO()
        schema = found.writer_schema
        for row in found:
            fastavro.schemaless_writer(written, schema, row)
        assert written.getvalue() and body[:-16].endswith(written.getvalue())
