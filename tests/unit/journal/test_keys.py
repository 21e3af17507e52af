"""Keys: what is built parses back, what is no key of ours does not parse, what is forbidden is told."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.bucket.keys import (
    MAX_KEY_BYTES,
    Tag,
    are_blobs,
    blob_tag,
    dataset_blob,
    is_reserved,
    key_fault,
    object_blob,
    slot_key,
    slot_position,
)

HASH = "0123456789abcdef" * 4

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


@pytest.mark.parametrize(
    "key",
    [
        "_journal/slots/1.ndjson",
        f"_journal/slots/{0:020d}.ndjson",
        f"_journal/slots/{1:021d}.ndjson",
        f"_journal/slots/{1:020d}.ndjson\n",
        f"_journal/slots/{1:020d}.ndjson.zst",
        f"x_journal/slots/{1:020d}.ndjson",
        f"_journal/slots/-{1:019d}.ndjson",
        "_journal/slots/" + "٣" * 20 + ".ndjson",
    ],
)
def test_what_is_no_slots_key_has_no_position(key: str) -> None:
    assert slot_position(key) is None


@pytest.mark.parametrize(
    "key",
    [
        f"objects/{HASH}",
        f"objects/{HASH}-0123abcd-7",
        f"objects/{HASH}-0123ABCD-7-x",
        f"objects/{HASH}-0123abcd--1-x",
        f"objects/{HASH}-0123abcd-7-x\n",
        f"objects/a/{HASH}-0123abcd-7-x",
        f"datasets/workers/{HASH}/{HASH}-0123abcd-7-x",
        f"datasets/9workers/{HASH}/{HASH}-0123abcd-7-x.parquet",
        f"datasets/a/b/{HASH}/{HASH}-0123abcd-7-x.parquet",
        "datasets/workers/part-0.parquet",
        "",
    ],
)
def test_what_no_lake_minted_has_no_tag(key: str) -> None:
    assert blob_tag(key) is None


@given(st.lists(components, min_size=1, max_size=6))
def test_any_plain_components_make_a_key(parts: list[str]) -> None:
    assert key_fault("/".join(parts)) is None


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("", "empty"),
        ("/a", "leading '/'"),
        ("a/", "component"),
        ("a//b", "component"),
        (".", "component"),
        ("..", "component"),
        ("./a", "component"),
        ("a/./b", "component"),
        ("../a", "component"),
        ("a/../b", "component"),
        ("a/..", "component"),
        ("%2e%2e/a", "component"),
        ("a/%2E%2E/b", "component"),
        ("a%2F..%2Fb", "component"),
        ("a%2f%2fb", "component"),
        ("%2Fa", "component"),
        ("a\x00b", "control"),
        ("a\nb", "control"),
        ("a\rb", "control"),
        ("a\tb", "control"),
        ("a\x7fb", "control"),
        ("a\x85b", "control"),
        ("\ud800", "UTF-8"),
        ("a" * 1025, "1025 bytes"),
        ("ü" * 513, "1026 bytes"),
    ],
)
def test_a_forbidden_key_is_told_with_its_reason(key: str, fault: str) -> None:
    assert fault in (key_fault(key) or "allowed")


@pytest.mark.parametrize(
    "key", ["a", "...", "a..b", ".hidden", "a b", "ü/😀", "100%", "a%20b", "%", "a\\b", "a:b"]
)
def test_an_odd_but_harmless_key_is_allowed(key: str) -> None:
    assert key_fault(key) is None


def test_the_longest_key_is_allowed() -> None:
    assert key_fault("a" * MAX_KEY_BYTES) is None
    assert key_fault("ü" * (MAX_KEY_BYTES // 2)) is None


@pytest.mark.parametrize(
    ("key", "reserved"),
    [
        ("_journal/slots/x", True),
        ("datasets/x", True),
        ("objects/x", True),
        ("_journal", False),
        ("objectsx/a", False),
        ("mine/datasets/x", False),
        ("Objects/x", False),
    ],
)
def test_our_prefixes_are_reserved(key: str, reserved: bool) -> None:
    assert is_reserved(key) is reserved


def test_an_empty_key_is_no_blob_in_whatever_company() -> None:
    blob = object_blob("0" * 64, Tag("0193aaaa", 7, "r"))
    assert are_blobs((blob, blob))
    for odd in ((blob, ""), ("", blob), ("",), (blob + "\n",), (f"{blob}\n{blob}",)):
        assert not are_blobs(odd)
