"""The events of access: principals, tokens and grants. Pure.

Must never hold a token's secret: the SHA-256 of it is all that an event has.
"""

from typing import ClassVar

from journal.event_records import Count, Record


class PrincipalLimits(Record, frozen=True, omit_defaults=True):
    """What a principal may use at once, and in a day; null: as much as the process allows."""

    queries: Count | None = None
    waiting: Count | None = None
    ingests: Count | None = None
    connections: Count | None = None
    bytes_per_day: Count | None = None


class AccessEvent(Record, frozen=True):
    """An event of access. It concerns no dataset, object or view."""


class PrincipalPut(AccessEvent, frozen=True):
    """A principal is exactly this, new or replaced; `kind`: `user` or `service`."""

    TYPE: ClassVar[str] = "principal_put"
    name: str
    kind: str
    admin: bool
    profile: str | None
    disabled: bool
    limits: PrincipalLimits


class PrincipalDropped(AccessEvent, frozen=True):
    """A principal was dropped, with its tokens and grants."""

    TYPE: ClassVar[str] = "principal_dropped"
    name: str


class TokenIssued(AccessEvent, frozen=True):
    """A principal got a token; `expires_at` null: it does not expire."""

    TYPE: ClassVar[str] = "token_issued"
    id: str
    principal: str
    secret_sha256: str
    expires_at: str | None
    note: str | None


class TokenRevoked(AccessEvent, frozen=True):
    """A token is no longer accepted. Final."""

    TYPE: ClassVar[str] = "token_revoked"
    id: str
    principal: str


class GrantPut(AccessEvent, frozen=True):
    """A principal has exactly these rights on what the pattern matches, new or replaced."""

    TYPE: ClassVar[str] = "grant_put"
    principal: str
    on: str
    can: tuple[str, ...]


class GrantDropped(AccessEvent, frozen=True):
    """A principal has no rights by this pattern any more."""

    TYPE: ClassVar[str] = "grant_dropped"
    principal: str
    on: str


AccessChange = (
    PrincipalPut | PrincipalDropped | TokenIssued | TokenRevoked | GrantPut | GrantDropped
)
