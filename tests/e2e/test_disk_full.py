"""A disk without room: changes are refused cleanly, reads go on, and with room it writes again.

The disk is a tmpfs of the test's own, so full is really full: of bytes, or of names (inodes).
"""

import contextlib
import io
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from places import Place, Start
from process import Answer, Client, Lakehouse

DISK_BYTES, DISK_NAMES = 24 << 20, 300
PAGE_BYTES = 4096
REFUSED = {(507, "insufficient_storage"), (503, "not_committed")}
ROWS = b"n,text\n" + b"".join(b"%d,%s\n" % (n, random.Random(n).randbytes(40).hex().encode())
                              for n in range(2_000))  # fmt: skip

BAD_ROWS = b"n,text\n" + b"".join(line + b",\n" for line in ROWS.split(b"\n")[1:])
JSON_ROWS = b"".join(
    b'{"n": %d, "text": "%s"}\n' % (n, random.Random(n).randbytes(40).hex().encode())
    for n in range(2_000)
)


def _parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.csv.read_csv(io.BytesIO(ROWS)), sink)
    return sink.getvalue()


FORMS = {
    "quarantine": ("&on_error=quarantine", BAD_ROWS, {"Content_Type": "text/csv"}),
    "ndjson": ("", JSON_ROWS, {"Content_Type": "application/x-ndjson"}),
    "parquet": ("", _parquet(), {"Content_Type": "application/vnd.apache.parquet"}),
}


class Disk:
    """A small filesystem, and what fills it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._fillers = root / "fillers"
        self._fillers.mkdir()

    def fill_bytes(self, but: int = 0) -> None:
        """Leave `but` bytes, give or take a page."""
        with (self._fillers / "bytes").open("ab", buffering=0) as file:
            for size in (1 << 20, PAGE_BYTES, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(size))
            file.truncate(max(0, file.tell() - but))

    def fill_names(self) -> None:
        """Leave no inode."""
        with contextlib.suppress(OSError):
            for number in range(DISK_NAMES + 1):
                (self._fillers / str(number)).touch()

    def make_room(self) -> None:
        for path in self._fillers.iterdir():
            path.unlink()


FILLS: dict[str, Callable[[Disk], None]] = {"bytes": Disk.fill_bytes, "names": Disk.fill_names}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    root = tmp_path / "disk"
    root.mkdir()
    options = f"size={DISK_BYTES},nr_inodes={DISK_NAMES}"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(root)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode:
        reported = f"no tmpfs can be mounted here: {done.stderr.decode().strip()}"
        assert not (os.environ.get("CI") and os.geteuid() == 0), reported
        pytest.skip(reported)
    try:
        yield Disk(root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


@pytest.mark.parametrize("place", ["local"], indirect=True)
@pytest.mark.parametrize("full", FILLS)
def test_a_full_bucket_refuses_changes_and_reads_on(start: Start, disk: Disk, full: str) -> None:
    lakehouse = start(str(disk.root / "bucket"))
    client, spool = lakehouse.client, disk.root / "bucket" / ".tmp"
    fill(client)
    FILLS[full](disk)
    before = client.get("/v1/journal/head")
    for name, answer in changes(client):
        expect_refused(name, answer)
    assert client.get("/v1/journal/head") == before
    expect_reads(client)
    expect_nothing_left(spool)
    disk.make_room()
    expect_writable(lakehouse)
    expect_nothing_left(spool)


@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_a_disk_that_fills_half_way_through_an_ingest_refuses_it_whole(
    start: Start, disk: Disk
) -> None:
    lakehouse = start(str(disk.root / "bucket"))
    client, spool = lakehouse.client, disk.root / "bucket" / ".tmp"
    fill(client)
    disk.fill_bytes(but=len(ROWS) + 4 * PAGE_BYTES)
    for _ in range(2):
        expect_refused("ingest", client.ingest("name=large", ROWS))
        expect_nothing_left(spool)
    assert client.put("small", b"fits").status == 200
    expect_reads(client)
    disk.make_room()
    assert client.ingest("name=large", ROWS).status == 200
    expect_writable(lakehouse)


@pytest.mark.parametrize("place", ["local"], indirect=True)
@pytest.mark.parametrize("but", [0, 1, 2, 3])
@pytest.mark.parametrize("form", FORMS)
def test_a_disk_that_fills_while_a_file_is_taken_apart_refuses_it_whole(
    start: Start, disk: Disk, form: str, but: int
) -> None:
    """Room for the body, and for ever more of what is made of it."""
    query, body, headers = FORMS[form]
    lakehouse = start(str(disk.root / "bucket"))
    client, spool = lakehouse.client, disk.root / "bucket" / ".tmp"
    fill(client)
    disk.fill_bytes(but=len(body) + 4 * PAGE_BYTES + but * len(body) // 3)
    sent = client.ingest(f"name=large{query}", body, **headers)
    if sent.status != 200:
        expect_refused(form, sent)
    expect_nothing_left(spool)
    expect_reads(client)
    disk.make_room()
    assert client.ingest(f"name=large{query}", body, **headers).status == 200
    expect_writable(lakehouse)


@pytest.mark.parametrize("full", FILLS)
def test_a_full_spool_refuses_bodies_and_nothing_else(
    start: Start, place: Place, disk: Disk, full: str
) -> None:
    spool = disk.root / "spool"
    lakehouse = start(SPOOL_DIR=spool)
    client = lakehouse.client
    fill(client)
    FILLS[full](disk)
    expect_refused("put", client.put("new", b"x" * 100_000))
    expect_refused("ingest", client.ingest("name=large", ROWS))
    expect_refused("bad rows", client.ingest("name=bad&on_error=quarantine", b"n\n1\n2,3\n"))
    assert client.ingest("name=in_memory", b"n\n1\n").status == 200
    assert client.register("r", "v1", ["k"]).status == 200
    assert client.drop("r").status == 200
    expect_reads(client)
    expect_nothing_left(spool)
    disk.make_room()
    expect_writable(lakehouse)
    expect_nothing_left(spool)


def fill(client: Client) -> None:
    assert client.put("k", b"kept").status == 200
    assert client.put("forgotten", b"").status == 200
    assert client.ingest("name=t", b"n\n1\n2\n").status == 200


def changes(client: Client) -> Iterator[tuple[str, Answer]]:
    yield "a large put", client.put("large", bytes(30 << 20))
    yield "a small put", client.put("small", b"x")
    yield "an ingest", client.ingest("name=large", ROWS)
    yield "a small ingest", client.ingest("name=small", b"n\n1\n")
    yield "a register", client.register("r", "v1", ["k"])
    yield "a drop", client.drop("t")
    yield "a delete", client.request("DELETE", "/v1/storage/delete/forgotten")


def expect_refused(name: str, answer: Answer) -> None:
    reported = answer.json
    assert (answer.status, reported["code"]) in REFUSED, (name, answer)
    assert reported["retryable"] is True, (name, answer)


def expect_reads(client: Client) -> None:
    assert client.request("GET", "/v1/storage/get/k").body == b"kept"
    assert client.sql("SELECT sum(n) FROM t")["rows"] == [[3]]
    assert client.request("GET", "/ready").status == 200


def expect_nothing_left(spool: Path) -> None:
    """Only the query workers' directories and the cache: no body, and no object on its way."""
    left = [path.name for path in spool.glob("process-*/*") if path.name != "queries"]
    assert left == [], left


def expect_writable(lakehouse: Lakehouse) -> None:
    """Without a restart; and the journal and all objects are whole."""
    for name, answer in changes(lakehouse.client):
        if name != "a large put":
            assert answer.status in (200, 204), (name, answer)
    done = lakehouse.cli("journal", "verify", "--objects")
    assert done.returncode == 0, done
