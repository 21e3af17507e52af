"""Keys: what is built parses back, what is no key of ours does not parse, what is forbidden is reported."""

import pytest

from journal.bucket.keys import (
    MAX_KEY_BYTES,
    Tag,
    are_blobs,
    blob_tag,
    is_removable,
    is_reserved,
    key_fault,
    object_blob,
    slot_position,
)

HASH = "0123456789abcdef" * 4


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


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("", "the key is empty"),
        ("\ud800", "the key is not UTF-8"),
        ("a" * 1_025, "the key has 1025 bytes; at most 1024 are allowed"),
        ("ä" * 513, "the key has 1026 bytes; at most 1024 are allowed"),
        ("a\nb", "the key contains a control character"),
        ("/a", "the key has a leading '/', or an empty, '.' or '..' component"),
        ("a//b", "the key has a leading '/', or an empty, '.' or '..' component"),
        ("a/%2e%2e/b", "the key has a leading '/', or an empty, '.' or '..' component"),
        ("a" * 1_024, None),
        ("ä" * 512, None),
        ("a/b.c", None),
        ("100%", None),
    ],
)
def test_a_fault_of_a_key_is_named(key: str, fault: str | None) -> None:
    assert key_fault(key) == fault


RUN = "0193aaaa-bbbb-7ccc-8ddd-eeeeffff0000"


@pytest.mark.parametrize(
    ("key", "removable"),
    [
        (f"_doctor/{RUN}/create", True),
        (f"_doctor/{RUN}/list/00", True),
        (f"_doctor/{RUN}/..", False),
        (f"_doctor/{RUN}/", False),
        ("_doctor/someone/create", False),
        ("_journal/slots/00000000000000000001.ndjson", False),
        ("_journal/lake.json", False),
        ("a", False),
    ],
)
def test_only_probes_and_caches_may_be_removed(key: str, removable: bool) -> None:
    assert is_removable(key) is removable
