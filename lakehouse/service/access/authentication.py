"""Who sends a request: a token to its principal, on the node's present state.

A token is the lake's own, or signed by the issuer that the settings name. Neither costs a
request to the bucket. Must never put a token, or any part of its secret, into a message.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from journal.slot import format_at
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.access.permissions import require_admin, token_is_valid
from lakehouse.service.caller import SIGNED, Caller
from projections import access

if TYPE_CHECKING:
    from lakehouse.service.access.oidc.signed_tokens import SignedTokens

CHALLENGE = 'Bearer realm="lakehouse", Basic realm="lakehouse", charset="UTF-8"'
"""What `WWW-Authenticate` says with every 401."""
BEARER_CHALLENGE = 'Bearer realm="lakehouse"'
"""The same for a page in a browser, which would ask for a name and a password by itself."""
_NOT_VALID = "the token is unknown, revoked or expired, or its principal is disabled"
_TOKEN = re.compile(r"lh_([0-9a-z]{1,32})_([0-9a-z]{1,128})")
_MAX_CHARACTERS = 16_384
_NO_SECRET = hashlib.sha256(b"").hexdigest()


class Identity(msgspec.Struct, frozen=True):
    """A principal, and the id of the token that proved it; neither in an open lake.

    `signed_until`: until when a signed token is valid. `holds_bucket`: a program that opened the bucket
    itself: it may do everything.
    """

    principal: str | None = None
    token: str | None = None
    signed_until: str | None = None
    holds_bucket: bool = False


HOLDER = Identity(holds_bucket=True)


class Authentication:
    """Authenticates the requests to one node."""

    def __init__(self, node: Node, signed: "SignedTokens | None" = None) -> None:
        self._node = node
        self._signed = signed

    def is_open(self) -> bool:
        """Whether the lake has no principal, so that no request needs a token."""
        return not self._node.state.access.principals

    async def identify(self, authorization: Sequence[str]) -> Identity:
        """The principal of a request with these Authorization headers.

        Raises RefusedError `unauthenticated`, or `issuer_unavailable` for a signed token; an open lake
        asks for none and ignores them.
        """
        if self.is_open():
            return Identity()
        if not authorization:
            raise _refused("the request has no token")
        value = _value_in(authorization[0]) if len(authorization) == 1 else ""
        if self._is_signed(value):
            return await self._of_signed(value)
        token = _TOKEN.fullmatch(value)
        if token is None:
            raise _refused("the credentials are not a token of this lake")
        return self._of_token(token[1], token[2])

    def resume(self, principal: str, token_id: str, signed_until: str | None, seq: int) -> Identity:
        """The principal of a token that was proven at event `seq`. Raises RefusedError `unauthenticated`.

        For sessions: it is refused as soon as the token is revoked or expired, or its principal
        disabled, changed or signed out everywhere. An open lake has no principals.
        """
        if self.is_open():
            return Identity()
        known = access.find(self._node.state.access, principal)
        if known is not None and known.seq > seq:
            raise _refused("the principal was changed or signed out everywhere since the sign-in")
        if signed_until is None:
            return self._valid(token_id)
        if signed_until <= format_at(self._node.clock.now()):
            raise _refused("the signed token has expired")
        return self._of_subject(principal, signed_until)

    def bearer(self, authorization: str | None) -> str:
        """The same credentials as a Bearer header, for the later calls of a client.

        Call it after `identify`. In an open lake it returns a header for any input, also for None.
        """
        value = _value_in(authorization) if authorization is not None else ""
        known = _TOKEN.fullmatch(value) is not None or self._is_signed(value)
        return f"Bearer {value}" if known else "Bearer open"

    def require_admin(self, caller: Caller) -> None:
        """Raises RefusedError `forbidden` for a caller without all rights."""
        require_admin(self._node, caller)

    def _is_signed(self, value: str) -> bool:
        """Whether it has the form of a signed token, and those of an issuer are accepted."""
        return self._signed is not None and value.count(".") == 2

    async def _of_signed(self, token: str) -> Identity:
        if self._signed is None:
            raise _refused("no issuer of signed tokens is set")
        return self._of_subject(*await self._signed.subject(token))

    def _of_subject(self, name: str, until: str) -> Identity:
        principal = access.find(self._node.state.access, name)
        # Names differ by more than case; an issuer's subjects may not.
        if principal is None or principal.name != name or principal.disabled:
            raise _refused("the signed token names no principal, or one that is disabled")
        return Identity(principal.name, SIGNED, signed_until=until)

    def _of_token(self, id_: str, secret: str) -> Identity:
        token = self._node.state.access.tokens.get(id_)
        digest = hashlib.sha256(secret.encode()).hexdigest()
        if not hmac.compare_digest(digest, token.secret_sha256 if token else _NO_SECRET):
            raise _refused(_NOT_VALID)
        return self._valid(id_)

    def _valid(self, id_: str) -> Identity:
        now = self._node.state.access
        token = now.tokens.get(id_)
        principal = access.find(now, token.principal) if token else None
        if not token_is_valid(self._node, id_) or principal is None or principal.disabled:
            raise _refused(_NOT_VALID)
        return Identity(principal.name, id_)


def _value_in(header: str) -> str:
    """The token in an Authorization header: Bearer, or Basic with it as password; empty without one."""
    scheme, _, value = header[:_MAX_CHARACTERS].partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        return _password(value)
    return value if scheme.lower() == "bearer" else ""


def _password(value: str) -> str:
    """The password; also where the padding is left out, as Arrow's Flight client in Go does."""
    try:
        padded = value.rstrip("=") + "=" * (-len(value.rstrip("=")) % 4)
        decoded = base64.b64decode(padded, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[2]


def _refused(detail: str) -> RefusedError:
    return RefusedError(Refused("unauthenticated", detail))
