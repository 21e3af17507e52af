"""The one decision of access: whether grants give a right on a name. Pure.

Default deny; no right includes another. Must never read a past state: grants are judged now.
"""

import re
from collections.abc import Iterable

from lakehouse.domain.errors import Refused, RefusedError
from projections.access import Grant, Principal

READ, WRITE, MANAGE = "read", "write", "manage"
RIGHTS = (READ, WRITE, MANAGE)
STORAGE = "storage:"
"""What a pattern and a subject begin with that concern keys of storage instead of names."""
_NAMES = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}|(?:[A-Za-z_][A-Za-z0-9_]{0,126})?\*")
_KEY_BYTES = 1024


def may(principal: Principal | None, grants: Iterable[Grant], right: str, subject: str) -> bool:
    """Whether a principal with these grants has the right on a name, or on `storage:` and a key."""
    if principal is None or principal.disabled:
        return False
    return principal.admin or any(
        right in grant.can and matches(grant.on, subject) for grant in grants
    )


def key_patterns(principal: Principal | None, grants: Iterable[Grant], right: str) -> list[str]:
    """The patterns of keys on which grants give a principal without all rights this right."""
    if principal is None or principal.disabled:
        return []
    return [
        grant.on.removeprefix(STORAGE)
        for grant in grants
        if right in grant.can and grant.on.startswith(STORAGE)
    ]


def exact_names(grants: Iterable[Grant], right: str) -> list[str] | None:
    """The names, in lower case, on which grants give this right; None if one is on a beginning of names."""
    found = [each.on for each in grants if right in each.can and not each.on.startswith(STORAGE)]
    return None if any(each.endswith("*") for each in found) else sorted({*map(str.lower, found)})


def matches(pattern: str, subject: str) -> bool:
    """Whether a pattern covers a subject. Names are compared without regard to case, keys are not."""
    if pattern.startswith(STORAGE) != subject.startswith(STORAGE):
        return False
    if not pattern.startswith(STORAGE):
        pattern, subject = pattern.lower(), subject.lower()
    if pattern.endswith("*"):
        return subject.startswith(pattern[:-1])
    return pattern == subject


def grant_on(grants: Iterable[Grant], on: str) -> Grant | None:
    """The grant with this pattern; case matters in keys of storage alone."""
    return next((each for each in grants if _folded(each.on) == _folded(on)), None)


def _folded(on: str) -> str:
    return on if on.startswith(STORAGE) else on.lower()


def check_pattern(on: str) -> None:
    """Raises RefusedError `invalid_request` for what is no pattern of a grant."""
    if on.startswith(STORAGE):
        key = on.removeprefix(STORAGE)
        if key and len(key.encode()) <= _KEY_BYTES and key.isprintable() and "*" not in key[:-1]:
            return
    elif _NAMES.fullmatch(on):
        return
    detail = "`on` is a name, the beginning of names and *, or storage: and a key or its beginning"
    raise RefusedError(Refused("invalid_request", f"{detail} and *; {on[:128]!r} is none of these"))
