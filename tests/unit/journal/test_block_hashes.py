"""Block hashes: how they are made, recorded and read, and what a record that is wrong comes to."""

import hashlib
from base64 import b64decode, b64encode
from random import Random

import msgspec
import pytest
from builders import EMPTY, event, item, registered, slot_body, stored

from journal.block_hashes import (
    BLOCK_BYTES,
    BlockHasher,
    block_count,
    block_size,
    digests,
    hashed,
    record_fault,
)
from journal.event_lines import decode_event, encode_event
from journal.events import Data
from journal.slot import JournalCorrupt, UpgradeRequired, decode_slot
from projections.fold import fold


def body_of(size_bytes: int) -> bytes:
    return Random(size_bytes).randbytes(size_bytes)


@pytest.mark.parametrize(
    "size_bytes",
    [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES, 3 * BLOCK_BYTES + 7],
)
def test_each_block_is_hashed_by_itself(size_bytes: int) -> None:
    body = body_of(size_bytes)
    blocks = [body[at : at + BLOCK_BYTES] for at in range(0, size_bytes or 1, BLOCK_BYTES)]
    hasher = hashed(body)
    assert hasher.sha256 == hashlib.sha256(body).hexdigest()
    assert hasher.size_bytes == size_bytes
    assert bool(hasher.block_hashes) == (len(blocks) > 1)
    assert digests(size_bytes, hasher.sha256, hasher.block_hashes) == tuple(
        hashlib.sha256(block).digest() for block in blocks
    )
    assert block_count(size_bytes) == len(blocks)
    assert [block_size(size_bytes, index) for index in range(len(blocks))] == [*map(len, blocks)]


def test_how_the_bytes_come_makes_no_difference() -> None:
    body, chance = body_of(3 * BLOCK_BYTES + 99), Random(3)
    hasher, at = BlockHasher(), 0
    while at < len(body):
        size = chance.choice((0, 1, 1000, BLOCK_BYTES, 2 * BLOCK_BYTES))
        hasher.update(bytearray(body[at : at + size]))
        at += size
    assert hasher.block_hashes == hashed(body).block_hashes


def test_a_hasher_without_blocks_hashes_the_whole_alone() -> None:
    body, hasher = body_of(BLOCK_BYTES + 99), BlockHasher(blocks=False)
    hasher.update(body[:BLOCK_BYTES])
    hasher.update(body[BLOCK_BYTES:])
    assert (hasher.sha256, hasher.size_bytes) == (hashlib.sha256(body).hexdigest(), len(body))
    assert hasher.block_hashes == ""


def test_without_a_record_a_large_object_has_no_digests() -> None:
    assert digests(BLOCK_BYTES + 1, "0" * 64, "") is None


@pytest.mark.parametrize("record", ["AAAA", "?", b64encode(bytes(96)).decode()])
def test_a_record_that_does_not_fit_the_size_is_refused(record: str) -> None:
    assert record_fault(BLOCK_BYTES + 1, record) is not None
    with pytest.raises(ValueError, match=r"."):
        digests(BLOCK_BYTES + 1, "0" * 64, record)


def with_blocks() -> tuple[Data, Data]:
    """A stored and a registered object of two blocks."""
    body = body_of(BLOCK_BYTES + 1)
    fields = {"size_bytes": len(body), "block_hashes": hashed(body).block_hashes}
    held = msgspec.structs.replace(item("p"), **fields)
    return msgspec.structs.replace(stored("k"), **fields), registered("w", held)


def test_an_event_with_block_hashes_has_version_2_and_survives_its_bytes() -> None:
    for data in with_blocks():
        made = event(EMPTY, data)
        line = encode_event(made)
        assert b'"v":2' in line
        assert decode_event(line) == made
    assert b"block_hashes" not in encode_event(event(EMPTY, stored("k")))


def test_block_hashes_in_an_event_of_version_1_are_damage() -> None:
    data, _ = with_blocks()
    body = slot_body(EMPTY, msgspec.structs.replace(event(EMPTY, data), v=1))
    with pytest.raises(JournalCorrupt, match="block hashes"):
        decode_slot(body, 1)


def test_a_later_version_needs_an_upgrade() -> None:
    with pytest.raises(UpgradeRequired):
        later = msgspec.structs.replace(event(EMPTY, stored("k")), v=3)
        decode_slot(slot_body(EMPTY, later), 1)


def test_a_slot_with_block_hashes_of_another_size_is_damage() -> None:
    data = msgspec.structs.replace(with_blocks()[0], size_bytes=9 * BLOCK_BYTES)
    with pytest.raises(JournalCorrupt, match="block hashes"):
        decode_slot(slot_body(EMPTY, event(EMPTY, data)), 1)


def test_the_state_has_them_once_for_each_blob() -> None:
    for data in with_blocks():
        slot = decode_slot(slot_body(EMPTY, event(EMPTY, data)), 1)
        state = fold(EMPTY, slot)
        kept = [version.block_hashes for version in state.inventory.blobs.values()]
        assert [len(b64decode(each)) for each in kept] == [64]
        assert not [
            each
            for dataset in state.catalog.datasets.values()
            for each in dataset.objects
            if each.block_hashes
        ]
