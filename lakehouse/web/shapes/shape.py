"""The base of all shapes, and the shape of every refusal."""

from typing import Any

import msgspec


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An answer, or a part of one."""


class Problem(Shape, frozen=True):
    """A refusal (RFC 9457). Go by `code`: it is stable."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    retryable: bool
    hint: str
    errors: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
