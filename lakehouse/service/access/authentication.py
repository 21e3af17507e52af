"""Who sends a request: a token to its principal, on the node's present state.

Costs no request to the bucket. Must never put a token, or any part of its secret, into a message.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence

import msgspec

from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.access.permissions import require_admin, token_is_valid
from lakehouse.service.caller import Caller
from projections import access

CHALLENGE = 'Bearer realm="lakehouse", Basic realm="lakehouse", charset="UTF-8"'
"""What `WWW-Authenticate` says with every 401."""
BEARER_CHALLENGE = 'Bearer realm="lakehouse"'
"""The same for a page in a browser, which would ask for a name and a password by itself."""
_NOT_VALID = "the token is unknown, revoked or expired, or its principal is disabled"
_TOKEN = re.compile(r"lh_([0-9a-z]{1,32})_([0-9a-z]{1,128})")
_MAX_CHARACTERS = 1_024
_NO_SECRET = hashlib.sha256(b"").hexdigest()


class Identity(msgspec.Struct, frozen=True):
    """A principal, and the id of the token that proved it; neither in an open lake.

    `holds_bucket`: a program that opened the bucket itself, and so may do everything.
    """

    principal: str | None = None
    token: str | None = None
    holds_bucket: bool = False


HOLDER = Identity(holds_bucket=True)


class Authentication:
    """Authenticates the requests to one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def is_open(self) -> bool:
        """Whether the lake has no principal, so that no request needs a token."""
        return not self._node.state.access.principals

    def identify(self, authorization: Sequence[str]) -> Identity:
        """The principal of a request with these Authorization headers.

        Raises RefusedError `unauthenticated`; an open lake asks for none and ignores them.
        """
        if self.is_open():
            return Identity()
        if not authorization:
            raise _refused("the request has no token")
        token = _token_in(authorization[0]) if len(authorization) == 1 else None
        if token is None:
            raise _refused("the header Authorization has no token of this lake")
        return self._of_token(*token)

    def resume(self, token_id: str) -> Identity:
        """The principal of a token that was proven before. Raises RefusedError `unauthenticated`.

        For sessions: it is refused as soon as the token is revoked or expired, or its principal
        disabled. An open lake has no principals.
        """
        if self.is_open():
            return Identity()
        return self._valid(token_id)

    def bearer(self, authorization: str | None) -> str:
        """The header that says by Bearer what this one says, for a client that has shown it once.

        Call it after `identify`; in an open lake any header, or none, has an answer.
        """
        token = _token_in(authorization) if authorization is not None else None
        return f"Bearer lh_{token[0]}_{token[1]}" if token is not None else "Bearer open"

    def require_admin(self, caller: Caller) -> None:
        """Raises RefusedError `forbidden` for a caller who has not all rights."""
        require_admin(self._node, caller)

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


def _token_in(header: str) -> tuple[str, str] | None:
    """(id, secret) of the token in an Authorization header: Bearer, or Basic with it as password."""
    scheme, _, value = header[:_MAX_CHARACTERS].partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        value = _password(value)
    elif scheme.lower() != "bearer":
        return None
    found = _TOKEN.fullmatch(value)
    return (found[1], found[2]) if found else None


def _password(value: str) -> str:
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[2]


def _refused(detail: str) -> RefusedError:
    return RefusedError(Refused("unauthenticated", detail))
