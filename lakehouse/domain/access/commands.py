"""What may be asked that changes access: one frozen value per change. Pure."""

import msgspec

from journal.access_events import PrincipalLimits


class AccessCommand(msgspec.Struct, frozen=True):
    """A command about principals, tokens or grants."""


class PutPrincipal(AccessCommand, frozen=True):
    """Make or replace a principal. `first`: only while the lake has none.

    `renewed`: an event even if nothing differs: it ends the principal's sessions.
    """

    name: str
    kind: str
    admin: bool = False
    profile: str | None = None
    disabled: bool = False
    limits: PrincipalLimits = PrincipalLimits()
    first: bool = False
    renewed: bool = False


class DropPrincipal(AccessCommand, frozen=True):
    """Remove a principal, its tokens and its grants."""

    name: str


class IssueToken(AccessCommand, frozen=True):
    """Give a principal a token, whose secret has this SHA-256."""

    id: str
    principal: str
    secret_sha256: str
    expires_at: str | None
    note: str | None


class RevokeToken(AccessCommand, frozen=True):
    """Revoke a token."""

    id: str


class PutGrant(AccessCommand, frozen=True):
    """Give a principal exactly these rights on what the pattern matches."""

    principal: str
    on: str
    can: tuple[str, ...]


class DropGrant(AccessCommand, frozen=True):
    """Remove a grant."""

    principal: str
    on: str


AnyAccessCommand = PutPrincipal | DropPrincipal | IssueToken | RevokeToken | PutGrant | DropGrant
