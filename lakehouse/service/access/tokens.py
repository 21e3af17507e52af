"""Tokens: made, listed and revoked. Of a secret only the SHA-256 leaves this module, but for the answer."""

import hashlib
import re
from datetime import datetime, timedelta

import msgspec

from journal.access_events import TokenIssued
from journal.clock import random_name
from journal.slot import format_at
from lakehouse.api.access import (
    IssuedToken,
    IssueTokenRequest,
    ListedToken,
    TokenList,
    TokenRevoked,
)
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.access.commands import IssueToken, RevokeToken
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import checked_words
from lakehouse.service.access.permissions import permissions, require_admin
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, settle
from projections.access import Token

ID_CHARACTERS, SECRET_CHARACTERS = 12, 52
"""Of 31 letters and digits: a secret has 257 bits."""
_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
MAX_SPAN = timedelta(days=36_500)


class Tokens:
    """The tokens of one node's lake."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def issue(
        self, caller: Caller, request: IssueTokenRequest, payload: bytes = b""
    ) -> Versioned[IssuedToken]:
        """Make a token: an admin for anyone, others for themselves, until their own sign-in ends.

        Raises RefusedError: `forbidden`, `principal_not_found`, `invalid_request`.
        """
        self._require_own(caller, request.principal)
        command, token = self.command(request)
        command = self._within_sign_in(caller, command)
        digest = hashlib.sha256(payload).hexdigest()
        settled = await settle(self._node, command, caller, digest)
        made = settled.event.data if settled.event else None
        if not isinstance(made, TokenIssued):
            raise RefusedError(Refused("internal_error", "a token was issued without an event"))
        shown = token if settled.fresh else None
        body = IssuedToken(made.principal, made.id, shown, made.expires_at, settled.seq)
        return Versioned(body, settled.seq)

    def command(self, request: IssueTokenRequest) -> tuple[IssueToken, str]:
        """The command of a request with a new secret, and the token that has it."""
        id_ = random_name(self._node.chance, ID_CHARACTERS)
        secret = random_name(self._node.chance, SECRET_CHARACTERS)
        expires_at = None
        if request.expires_in is not None:
            expires_at = format_at(_expiry(self._node.clock.now(), request.expires_in))
        note = checked_words(request.note, "the note")
        digest = hashlib.sha256(secret.encode()).hexdigest()
        command = IssueToken(id_, request.principal, digest, expires_at, note)
        return command, f"lh_{id_}_{secret}"

    def _within_sign_in(self, caller: Caller, command: IssueToken) -> IssueToken:
        """The command with a token that ends with the caller's own at the latest, unless it is an admin.

        Else whoever signs in for an hour could stay for ever. Raises RefusedError `forbidden`.
        """
        if permissions(self._node, caller).unrestricted:
            return command
        own = self._node.state.access.tokens.get(caller.token or "")
        last = caller.signed_until or (own.expires_at if own else None)
        if last is None or (command.expires_at is not None and command.expires_at <= last):
            return command
        if command.expires_at is None:
            return msgspec.structs.replace(command, expires_at=last)
        detail = f"the token would outlive the one that asks for it, which ends at {last}"
        raise RefusedError(Refused("forbidden", f"{detail}; only an admin may issue a longer one"))

    async def list(self, caller: Caller) -> Versioned[TokenList]:
        """The tokens of the caller, or all for an admin, by principal and age."""
        held, state = permissions(self._node, caller), self._node.state
        now = format_at(self._node.clock.now())
        own = held.name
        found = [
            token
            for token in state.access.tokens.values()
            if held.unrestricted or (own is not None and token.principal == own)
        ]
        found.sort(key=lambda token: (token.principal, token.seq, token.id))
        rows = [_listed(token, now) for token in found]
        return Versioned(TokenList(rows, state.head.seq), state.head.seq)

    async def revoke(self, caller: Caller, id_: str) -> Versioned[TokenRevoked]:
        """Revoke a token. Raises RefusedError: `token_not_found`, also for one of another principal."""
        held, token = permissions(self._node, caller), self._node.state.access.tokens.get(id_)
        if not held.unrestricted and (token is None or token.principal != held.name):
            raise RefusedError(Refused("token_not_found", f"there is no token {id_[:64]}"))
        settled = await settle(self._node, RevokeToken(id_), caller, NOTHING_SHA256)
        principal = token.principal if token else ""
        return Versioned(TokenRevoked(id_, principal, settled.seq), settled.seq)

    def _require_own(self, caller: Caller, principal: str) -> None:
        held = permissions(self._node, caller)
        if held.name is None or held.name.lower() != principal.lower():
            require_admin(self._node, caller)


def _listed(token: Token, now: str) -> ListedToken:
    expired = token.expires_at is not None and token.expires_at <= now
    return ListedToken(
        *(token.id, token.principal, token.expires_at, expired, token.note),
        *(token.issued_at, token.seq),
    )


def _expiry(now: datetime, span: int | str) -> datetime:
    """When a token expires. Raises RefusedError `invalid_request`."""
    found = _SPAN.fullmatch(f"{span}s" if isinstance(span, int) else span)
    seconds = int(found[1]) * _UNITS_S[found[2]] if found else 0
    if not 0 < seconds <= MAX_SPAN.total_seconds():
        detail = f"expires_in is a number of seconds or a span such as 30d or 12h, not {str(span)[:64]!r}"
        raise RefusedError(Refused("invalid_request", detail))
    return now + timedelta(seconds=seconds)
