"""What a request's words may be, before anything is decided. Pure; raises RefusedError."""

import re

from lakehouse.errors import Refused, RefusedError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FINGERPRINT = re.compile(r"[!-~]{1,256}")


def check_name(name: str) -> None:
    """Raises `empty_name`, `invalid_name`."""
    if not name:
        raise RefusedError(Refused("empty_name", "the dataset's name is empty"))
    if not _NAME.fullmatch(name):
        told = "a name has 1 to 128 of A-Z, a-z, 0-9 and _, and does not begin with a digit"
        raise RefusedError(Refused("invalid_name", told))


def check_fingerprint(fingerprint: str) -> None:
    """Raises `empty_fingerprint`, `invalid_request`."""
    if not fingerprint:
        raise RefusedError(Refused("empty_fingerprint", "schema_fingerprint is empty"))
    if not _FINGERPRINT.fullmatch(fingerprint):
        told = "schema_fingerprint has 1 to 256 visible ASCII characters"
        raise RefusedError(Refused("invalid_request", told))
