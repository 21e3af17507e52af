"""Who calls a use case: one value that every door makes and every use case takes first.

`access.permissions` decides by it what the caller may do. Must never hold what a single use case needs:
that is the use case's own parameter.
"""

import hashlib

import msgspec

from lakehouse.domain.commands import Context

HTTP, CLI, BACKGROUND, FLIGHT = "http", "cli", "background", "flight"
"""Doors: over HTTP; a command on the bucket itself; a task of the process, which no one sent; over gRPC."""
SIGNED = "signed"
"""Stands for the id of a signed token."""


class Caller(msgspec.Struct, frozen=True):
    """Who calls, through which door, and what the call says of itself."""

    actor: str
    """The principal; in an open lake the name that the caller gives, which is not verified."""
    accepted_s: float
    """When the call was accepted, by the node's monotonic clock."""
    door: str = HTTP
    """What the call came through: one of the doors above."""
    route: str = ""
    """What was called: method and path, or the command."""
    query: tuple[tuple[str, str], ...] = ()
    """The parameters of the route, as sent."""
    correlation: str | None = None
    """The id of the trace that the client sent, else the request id; for logs and events."""
    reason: str | None = None
    """Why a change is made; it is stored with the event."""
    idempotency_key: str | None = None
    principal: str | None = None
    """Who was authenticated; None in an open lake, and for a command on the bucket itself."""
    token: str | None = None
    """The id of the token that proved it; of a signed token the word SIGNED."""
    signed_until: str | None = None
    """Until when the signed token of an issuer is valid that proved it."""
    client_query_id: str | None = None
    """The id that a client gave its query, where the server gave it another."""
    on_behalf_of: str | None = None
    """For whom a principal says that it acts; it is not verified."""

    def request_hash(self, payload_sha256: str) -> str:
        """What makes two requests the same: route, sorted query, actor, payload."""
        parts = [self.route, sorted(self.query), self.actor, payload_sha256]
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()

    def context(self, command_id: str, request: str | None = None) -> Context:
        """What a decision and its event need of the caller.

        `request` is the hash of the request; without it the event does not store the idempotency key.
        """
        key = self.idempotency_key if request is not None else None
        return Context(
            *(self.actor, command_id, self.correlation, self.reason, key, request),
            self.on_behalf_of,
        )
