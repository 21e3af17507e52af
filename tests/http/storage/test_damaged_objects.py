"""Objects whose bytes are not those of the journal: never a good answer, at once, by name."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from lake_server import Lake, running_lake
from refusals import refused

from journal.block_hashes import BLOCK_BYTES

LONG = Random(1).randbytes(12 * BLOCK_BYTES + 99)
SHORT = LONG[: 3 * BLOCK_BYTES]


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("lake") / "bucket", queries=False) as server:
        yield server


def file_of(lake: Lake, key: str) -> Path:
    return lake.bucket / lake.service.node.state.inventory.keys[key]


def flip(path: Path, at: int) -> None:
    """One bit, and the time of change that a disk's own error would leave."""
    found = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def damaged_total(lake: Lake) -> float:
    text = lake.ask("GET", "/metrics").body.decode()
    [value] = re.findall(r"^lakehouse_objects_damaged_total ([0-9.e+]+)$", text, re.MULTILINE)
    return float(value)


@pytest.mark.parametrize("at", [0, BLOCK_BYTES, len(SHORT) - 1])
def test_a_flipped_bit_is_refused_and_counted(storage: Lake, at: int) -> None:
    key = f"flipped/{at}"
    storage.put(key, SHORT)
    assert storage.get(key).body == SHORT
    flip(file_of(storage, key), at)
    before = damaged_total(storage)
    answer = refused(storage.get(key), 500, "object_damaged")
    assert key in answer.json["detail"]
    assert answer.json["errors"] == [{"key": key, "datasets": []}]
    assert damaged_total(storage) > before
    sound = (at // BLOCK_BYTES + 1) % 3 * BLOCK_BYTES
    part = storage.get(key, {"Range": f"bytes={sound}-{sound + 9}"})
    assert (part.status, part.body) == (206, SHORT[sound : sound + 10])


def test_the_datasets_that_hold_it_are_named(storage: Lake) -> None:
    storage.put("held", b"some bytes")
    for name in ("zebra", "ant"):
        storage.register(name, "held", fingerprint=name)
    flip(file_of(storage, "held"), 3)
    answer = refused(storage.get("held"), 500, "object_damaged")
    assert answer.json["errors"] == [{"key": "held", "datasets": ["ant", "zebra"]}]


def test_a_large_object_breaks_off_before_its_damaged_block(storage: Lake) -> None:
    storage.put("large", LONG)
    flip(file_of(storage, "large"), 11 * BLOCK_BYTES)
    received = storage.raw(storage.request("GET", "/v1/storage/get/large"))
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body) <= 11 * BLOCK_BYTES
    assert body == LONG[: len(body)]


@pytest.mark.parametrize("size_bytes", [0, 1, BLOCK_BYTES, len(LONG) - 1])
def test_a_truncated_object_is_refused_before_its_first_byte(
    storage: Lake, size_bytes: int
) -> None:
    key = f"truncated/{size_bytes}"
    storage.put(key, LONG)
    os.truncate(file_of(storage, key), size_bytes)
    answer = refused(storage.get(key), 500, "object_damaged")
    assert "bytes, not" in answer.json["detail"]


def test_a_head_says_what_the_journal_knows(storage: Lake) -> None:
    storage.put("head", b"bytes")
    flip(file_of(storage, "head"), 0)
    assert storage.ask("HEAD", "/v1/storage/get/head").status == 200
