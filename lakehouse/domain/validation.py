"""Checks of the texts in a request, before anything is decided. Pure; raises RefusedError."""

import re

from lakehouse.domain.errors import Refused, RefusedError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FINGERPRINT = re.compile(r"[!-~]{1,256}")
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,128}")
WORDS_BYTES = 1024
"""How long a reason or an actor may be, as UTF-8."""


def check_name(name: str) -> None:
    """Raises `empty_name`, `invalid_name`."""
    if not name:
        raise RefusedError(Refused("empty_name", "the dataset's name is empty"))
    if not _NAME.fullmatch(name):
        detail = "a name has 1 to 128 of A-Z, a-z, 0-9 and _, and does not begin with a digit"
        raise RefusedError(Refused("invalid_name", detail))


def check_fingerprint(fingerprint: str) -> None:
    """Raises `empty_fingerprint`, `invalid_request`."""
    if not fingerprint:
        raise RefusedError(Refused("empty_fingerprint", "schema_fingerprint is empty"))
    if not _FINGERPRINT.fullmatch(fingerprint):
        detail = "schema_fingerprint has 1 to 256 visible ASCII characters"
        raise RefusedError(Refused("invalid_request", detail))


def check_idempotency_key(key: str | None) -> None:
    """Raises `invalid_request`. None: the change has none."""
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        detail = "an idempotency key has 1 to 128 visible ASCII characters"
        raise RefusedError(Refused("invalid_request", detail))


def checked_words(text: str | None, what: str) -> str | None:
    """What a change says of itself, a reason or an actor; blank is None.

    It is prose, and may be right-to-left: what shows it escapes marks of direction. Raises
    `header_too_large`, and `invalid_request` for what is not UTF-8. `what` names it in each.
    """
    if text is None or not text.strip():
        return None
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise RefusedError(Refused("invalid_request", f"{what} is not UTF-8")) from error
    if size_bytes > WORDS_BYTES:
        raise RefusedError(Refused("header_too_large", f"{what} has up to {WORDS_BYTES} bytes"))
    return text
