"""Any name, hash and position: keys that are built parse back."""

import string

from hypothesis import given
from hypothesis import strategies as st

from journal.bucket.keys import (
    Tag,
    blob_tag,
    dataset_blob,
    is_reserved,
    key_fault,
    object_blob,
    slot_key,
    slot_position,
)

positions = st.integers(1, 10**20 - 1)


hashes = st.text("0123456789abcdef", min_size=64, max_size=64)


tags = st.builds(
    Tag,
    lake=st.text("0123456789abcdef", min_size=8, max_size=8),
    mint_seq=st.integers(0, 10**16 - 1),
    random=st.text(string.digits + string.ascii_lowercase, min_size=1, max_size=32),
)


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,127}", fullmatch=True)


components = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="/%"),
    min_size=1,
    max_size=20,
).filter(lambda part: part not in (".", ".."))


@given(positions)
def test_a_slots_key_names_its_position(position: int) -> None:
    assert slot_position(slot_key(position)) == position
    assert key_fault(slot_key(position)) is None


@given(positions, positions)
def test_slots_sort_by_position(one: int, other: int) -> None:
    assert (slot_key(one).encode() < slot_key(other).encode()) == (one < other)


@given(names, hashes, hashes, tags)
def test_a_datasets_blob_holds_its_tag(name: str, schema: str, sha256: str, tag: Tag) -> None:
    key = dataset_blob(name, schema, sha256, tag)
    assert blob_tag(key) == tag
    assert key_fault(key) is None
    assert is_reserved(key)


@given(hashes, tags)
def test_an_objects_blob_holds_its_tag(sha256: str, tag: Tag) -> None:
    key = object_blob(sha256, tag)
    assert blob_tag(key) == tag
    assert key_fault(key) is None
    assert is_reserved(key)


@given(st.lists(components, min_size=1, max_size=6))
def test_any_plain_components_make_a_key(parts: list[str]) -> None:
    assert key_fault("/".join(parts)) is None
