"""SQL over damaged objects: whichever bit it is, no answer is computed from it."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_server import Lake, running_lake
from other_writer import append_slot
from refusals import refused

from journal.block_hashes import BLOCK_BYTES
from journal.events import ObjectsCollected, ObjectsMarked

ROWS = 150_000
SUM = "SELECT sum(n), max(t), count(*), bit_xor(hash(n, t, d)) FROM"


def parquet() -> bytes:
    """Two row groups, plain, dictionary and delta pages, statistics: about 2 MB."""
    chance, body = Random(7), io.BytesIO()
    columns = {
        "n": [chance.randrange(2**60) for _ in range(ROWS)],
        "t": [f"{chance.randrange(200)}" for _ in range(ROWS)],
        "d": [number / 8 for number in range(ROWS)],
    }
    pq.write_table(pa.table(columns), body, row_group_size=80_000, compression="zstd")
    return body.getvalue()


BODY = parquet()


def places() -> dict[str, int]:
    """An offset in each part of the file."""
    found = pq.ParquetFile(io.BytesIO(BODY)).metadata
    column = found.row_group(0).column(1)
    footer = int.from_bytes(BODY[-8:-4], "little")
    return {
        "magic": 1,
        "first page's header": column.data_page_offset + 2,
        "page": column.data_page_offset + column.total_compressed_size // 2,
        "dictionary": (column.dictionary_page_offset or 0) + 40,
        "second row group": found.row_group(1).column(0).data_page_offset + 1000,
        "statistics": BODY.rindex(b"99"),
        "footer": len(BODY) - 8 - footer // 2,
        "footer's length": len(BODY) - 7,
        "last magic": len(BODY) - 1,
    }


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("lake") / "bucket") as server:
        yield server


def stored(lake: Lake, name: str) -> Path:
    """A dataset over the file, and where its object lies."""
    assert lake.put(f"{name}.parquet", BODY).status == 200
    assert lake.register(name, f"{name}.parquet", fingerprint=name).status == 200
    return lake.bucket / lake.service.node.state.inventory.keys[f"{name}.parquet"]


def flip(path: Path, at: int, bit: int = 0) -> None:
    found = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def test_the_file_has_several_blocks_and_parts() -> None:
    assert len(BODY) > BLOCK_BYTES
    assert len(set(places().values())) == len(places())


@pytest.mark.parametrize(
    ("part", "warm"), [*((part, False) for part in places()), ("page", True), ("footer", True)]
)
def test_a_flipped_bit_in_any_part_is_named(lake: Lake, part: str, warm: bool) -> None:
    name = f"w{int(warm)}_{part.translate(str.maketrans({' ': '_', chr(39): ''}))}"
    path = stored(lake, name)
    right = lake.sql(f"{SUM} {name}").json["rows"] if warm else None
    flip(path, places()[part])
    sql = f"{SUM} {name} WHERE d > -2"
    answer = refused(lake.sql(sql), 500, "object_damaged")
    assert name in answer.json["detail"]
    assert answer.json["errors"] == [{"key": f"{name}.parquet", "datasets": [name]}]
    assert str(lake.bucket) not in answer.body.decode()
    flip(path, places()[part])
    mended = lake.sql(sql)
    assert mended.status == 200
    assert right in (None, mended.json["rows"])


def test_random_flips_never_change_an_answer(lake: Lake) -> None:
    seed = Random().randrange(10**9)
    print(f"seed {seed}")
    chance = Random(seed)
    path = stored(lake, "random")
    right = lake.sql(f"{SUM} random").json["rows"]
    for number in range(20):
        at, bit = chance.randrange(len(BODY)), chance.randrange(8)
        flip(path, at, bit)
        answer = lake.sql(f"{SUM} random WHERE d > {-number - 3}")
        # A query that needs no byte of the damaged block may answer, rightly.
        assert answer.json.get("code", answer.json.get("rows")) in ("object_damaged", right)
        flip(path, at, bit)


def test_the_other_datasets_answer(lake: Lake) -> None:
    flip(stored(lake, "one"), 100)
    stored(lake, "two")
    refused(lake.sql(f"{SUM} one"), 500, "object_damaged")
    assert lake.sql("SELECT count(*) FROM two").json["rows"] == [[ROWS]]
    refused(lake.sql("SELECT sum(one.n) FROM two, one"), 500, "object_damaged")


@pytest.mark.parametrize("size_bytes", [0, 3, BLOCK_BYTES, len(BODY) - 1])
def test_a_truncated_object_is_named(lake: Lake, size_bytes: int) -> None:
    name = f"cut_{size_bytes}"
    os.truncate(stored(lake, name), size_bytes)
    answer = refused(lake.sql(f"FROM {name}"), 500, "object_damaged")
    assert "bytes, not" in answer.json["detail"]


@pytest.mark.parametrize("warm", [True, False])
def test_a_missing_object_is_lost(lake: Lake, warm: bool) -> None:
    name = f"missing_{int(warm)}"
    path = stored(lake, name)
    if warm:
        assert lake.sql(f"{SUM} {name}").status == 200
    path.unlink()
    answer = refused(lake.sql(f"{SUM} {name} WHERE d > -2"), 500, "object_lost")
    key = lake.manifest(name).json["objects"][0]["key"]
    assert answer.json["errors"] == [{"key": key, "datasets": [name]}]
    assert answer.json["detail"] == f"object {key}: it is absent from the bucket; held by {name}"
    assert str(lake.bucket) not in answer.body.decode()


def test_a_stream_of_rows_never_looks_complete(lake: Lake) -> None:
    name = "streamed"
    path = stored(lake, name)
    flip(path, places()["second row group"])
    request = lake.request(
        "POST", "/v1/sql", {"sql": f"SELECT n FROM {name}"}, {"Accept": "text/csv"}
    )
    received = lake.raw(request)
    if received.startswith(b"HTTP/1.1 200"):
        assert not received.endswith(b"0\r\n\r\n")
    else:
        assert b"object_damaged" in received


def test_what_was_collected_is_gone_whatever_was_cached(lake: Lake) -> None:
    first = stored(lake, "old")
    seq = lake.service.node.state.head.seq
    blob = str(first.relative_to(lake.bucket))
    past = (f"{SUM} old AT (VERSION => {seq})", {}), (f"{SUM} old", {"as_of": seq})
    for sql, more in past:
        assert lake.sql(sql, **more).status == 200
    lake.put("other.parquet", BODY[:100])
    lake.register("old", "other.parquet", fingerprint="old")
    lake.delete("old.parquet")
    for event in (ObjectsMarked("run", seq, (blob,)), ObjectsCollected("run", (blob,))):
        append_slot(lake, event)
        lake.ask("GET", "/ready")
        collected = lake.service.node.state.head.seq
        for sql, more in past:
            answer = refused(lake.sql(sql, **more), 410, "objects_collected")
            assert f"event {collected}" in answer.json["detail"]
        answer = refused(lake.get(f"old.parquet?as_of={seq}"), 410, "objects_collected")
        assert f"event {collected}" in answer.json["detail"]
        body = {"name": "old", "as_of": seq}
        refused(lake.ask("POST", "/v1/catalog/restore", body), 410, "objects_collected")
    assert first.exists(), "only the journal says that it is gone"
