"""The claims of a signed token, once its signature and its claims are checked.

Owns the algorithms, the shapes and the times that count. Must never use a key that was not passed in: a
key that a token contains, or refers to by URL, is ignored.
"""

import base64
import binascii
from typing import Annotated, Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

MAX_CHARACTERS = 8_000
"""Of a token; a header of HTTP is hardly longer."""
MAX_KEYS = 100
LEEWAY_S = 60
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
)
"""Public keys alone: with a shared secret, whoever can verify could sign."""
EMAIL = "email"
"""A claim that people may choose themselves: it counts if the issuer says that it has verified it."""
_TYPES = (None, "JWT", "at+jwt", "application/at+jwt")
_MAX_HEADER_BYTES = 2_048
PublicKey = RSAKey | ECKey
_KINDS: dict[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}
_Time = Annotated[float, msgspec.Meta(ge=0, le=253_402_300_799)]


class InvalidToken(Exception):
    """The token is not valid; the message says why, and contains no part of the token."""


class TokenHeader(msgspec.Struct, frozen=True):
    """The part of a header that is read before the signature is judged."""

    alg: str
    kid: str | None = None
    typ: str | None = None
    crit: msgspec.Raw | None = None


class Key(msgspec.Struct, frozen=True):
    """A public key of the issuer."""

    kid: str | None
    alg: str | None
    """The only algorithm that it is for, if the issuer says so."""
    key: PublicKey


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str | list[str]
    exp: _Time
    nbf: _Time = 0
    iat: _Time = 0


def header_of(token: str) -> TokenHeader:
    """The header. Raises InvalidToken for one that no valid token has."""
    if len(token) > MAX_CHARACTERS:
        raise InvalidToken("it is too long")
    encoded = token.partition(".")[0]
    try:
        raw = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        header = msgspec.json.decode(raw, type=TokenHeader)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidToken("its header cannot be read") from error
    if header.alg not in ALGORITHMS:
        raise InvalidToken("its algorithm is not accepted")
    if header.typ not in _TYPES or header.crit is not None:
        raise InvalidToken("it is no access token")
    return header


def imported(published: list[dict[str, Any]]) -> tuple[Key, ...]:
    """The keys that can verify signatures; others, and broken ones, are left out."""
    return tuple(key for each in published[:MAX_KEYS] if (key := _key(each)) is not None)


def key_for(header: TokenHeader, keys: tuple[Key, ...]) -> PublicKey | None:
    """The key that a header names; without a name the only one of its kind."""
    kind = ECKey if header.alg.startswith("ES") else RSAKey
    fitting = [
        each.key
        for each in keys
        if isinstance(each.key, kind)
        and each.alg in (None, header.alg)
        and (header.kid is None or each.kid == header.kid)
    ]
    return fitting[0] if len(fitting) == 1 else None


def subject_of(
    token: str,
    header: TokenHeader,
    key: PublicKey,
    issuer: str,
    audience: str,
    claim: str,
    now_s: float,
) -> tuple[str, float]:
    """(the claim that names the principal, when the token ends in seconds of 1970). Raises InvalidToken."""
    registry = jws.JWSRegistry(algorithms=[header.alg], strict_check_header=False)
    registry.max_header_length = _MAX_HEADER_BYTES
    try:
        payload = jws.deserialize_compact(token, key, [header.alg], registry).payload
    except (JoseError, ValueError) as error:
        raise InvalidToken("its signature is not valid") from error
    try:
        claims = msgspec.json.decode(payload, type=_Claims)
        named = msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidToken("its claims cannot be read") from error
    if claims.iss != issuer:
        raise InvalidToken("it is of another issuer")
    if audience not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
        raise InvalidToken("it is for another audience")
    if now_s >= claims.exp + LEEWAY_S:
        raise InvalidToken("it has expired")
    if max(claims.nbf, claims.iat) > now_s + LEEWAY_S:
        raise InvalidToken("it is not valid yet")
    subject = named.get(claim)
    if claim == EMAIL and named.get("email_verified") is not True:
        raise InvalidToken("its issuer has not verified the address")
    if not isinstance(subject, str):
        raise InvalidToken(f"it has no claim {claim!r} that is text")
    return subject, claims.exp + LEEWAY_S


def _key(published: dict[str, Any]) -> Key | None:
    kind = _KINDS.get(str(published.get("kty")))
    operations = published.get("key_ops")
    signs = published.get("use") in (None, "sig")
    if kind is None or not signs or (isinstance(operations, list) and "verify" not in operations):
        return None
    kid, alg = published.get("kid"), published.get("alg")
    public = {
        name: each for name, each in published.items() if name in ("kty", "n", "e", "crv", "x", "y")
    }
    try:
        return Key(_text(kid), _text(alg), kind.import_key(public))
    except (JoseError, ValueError, TypeError, KeyError):
        return None  # another key may be fine


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
