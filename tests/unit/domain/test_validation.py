"""What names, fingerprints, keys and words may be."""

from collections.abc import Callable

import pytest

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import (
    WORDS_BYTES,
    check_fingerprint,
    check_idempotency_key,
    check_name,
    checked_words,
)


def refused(check: Callable[[], object]) -> Refused:
    with pytest.raises(RefusedError) as caught:
        check()
    return caught.value.refused


@pytest.mark.parametrize("name", ["a", "_", "Z9", "a" * 128])
def test_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["9", "a-b", "a b", "ä", "a" * 129, "a\n"])
def test_other_names_are_refused(name: str) -> None:
    detail = "a name has 1 to 128 of A-Z, a-z, 0-9 and _, and does not begin with a digit"
    assert refused(lambda: check_name(name)) == Refused("invalid_name", detail)


def test_an_empty_name_is_said_so() -> None:
    assert refused(lambda: check_name("")) == Refused("empty_name", "the dataset's name is empty")


@pytest.mark.parametrize("fingerprint", ["!", "~", "f" * 256])
def test_fingerprints(fingerprint: str) -> None:
    check_fingerprint(fingerprint)


@pytest.mark.parametrize("fingerprint", [" ", "f f", "ä", "f" * 257])
def test_other_fingerprints_are_refused(fingerprint: str) -> None:
    detail = "schema_fingerprint has 1 to 256 visible ASCII characters"
    assert refused(lambda: check_fingerprint(fingerprint)) == Refused("invalid_request", detail)


def test_an_empty_fingerprint_is_said_so() -> None:
    expected = Refused("empty_fingerprint", "schema_fingerprint is empty")
    assert refused(lambda: check_fingerprint("")) == expected


@pytest.mark.parametrize("key", [None, "!", "k" * 128])
def test_idempotency_keys(key: str | None) -> None:
    check_idempotency_key(key)


@pytest.mark.parametrize("key", ["", " ", "k" * 129])
def test_other_idempotency_keys_are_refused(key: str) -> None:
    detail = "an idempotency key has 1 to 128 visible ASCII characters"
    assert refused(lambda: check_idempotency_key(key)) == Refused("invalid_request", detail)


@pytest.mark.parametrize(
    ("text", "kept"),
    [(None, None), ("", None), (" \t", None), (" why ", " why "), ("ä" * 512, "ä" * 512)],
)
def test_words(text: str | None, kept: str | None) -> None:
    assert checked_words(text, "reason") == kept


def test_words_that_are_too_long_or_no_text_are_refused() -> None:
    expected = Refused("header_too_large", f"reason has up to {WORDS_BYTES} bytes")
    assert refused(lambda: checked_words("a" * (WORDS_BYTES + 1), "reason")) == expected
    expected = Refused("invalid_request", "actor is not UTF-8")
    assert refused(lambda: checked_words("\ud800", "actor")) == expected


def test_words_may_be_right_to_left_prose() -> None:
    assert checked_words("\u200fתיקון\u202e", "reason") == "\u200fתיקון\u202e"
