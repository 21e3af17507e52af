"""Sessions of browsers, in the memory of this process: a random cookie stands for a principal's token.

Owns how long a session lasts, and the proof that a form is of this console. Must never hold a token's secret:
whether the token is valid is decided at each request by its id, or by the time until which it was signed.
"""

import binascii
import hashlib
import hmac
import secrets

import msgspec

from journal.clock import Clock

LIFETIME_S = 12 * 3600.0
MAX_SESSIONS = 10_000
MAX_OF_PRINCIPAL = 100
COOKIE = "lakehouse_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""Over TLS: a browser takes it from this host alone, and for all paths."""
THEME_COOKIE = "lakehouse_theme"
_SECRET_BYTES = 32


class Session(msgspec.Struct, frozen=True):
    """A browser that has signed in. `digest` is the SHA-256 of its cookie."""

    digest: str
    principal: str
    token_id: str
    form_secret: bytes
    opened_s: float
    signed_until: str | None = None
    """Until when the signed token of an issuer is valid that opened it."""


class Sessions:
    """The sessions of one process. The oldest end when there are too many."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._form_secret = secrets.token_bytes(_SECRET_BYTES)

    def open(self, principal: str, token_id: str, signed_until: str | None = None) -> str:
        """Begin a session; the value of its cookie."""
        own = [each.digest for each in self._sessions.values() if each.principal == principal]
        surplus = own[: max(0, len(own) - MAX_OF_PRINCIPAL + 1)]
        if len(self._sessions) - len(surplus) >= MAX_SESSIONS:
            surplus.append(next(iter(self._sessions)))
        for digest in surplus:
            self._sessions.pop(digest, None)
        cookie = secrets.token_urlsafe(_SECRET_BYTES)
        found = Session(
            _digest(cookie),
            principal,
            token_id,
            secrets.token_bytes(_SECRET_BYTES),
            self._clock.monotonic(),
            signed_until,
        )
        self._sessions[found.digest] = found
        return cookie

    def find(self, cookie: str | None) -> Session | None:
        """The session of a cookie, unless it has ended."""
        session = self._sessions.get(_digest(cookie)) if cookie else None
        if session is None:
            return None
        if self._clock.monotonic() - session.opened_s > LIFETIME_S:
            del self._sessions[session.digest]
            return None
        return session

    def close(self, session: Session) -> None:
        """End one session."""
        self._sessions.pop(session.digest, None)

    def close_all(self, principal: str) -> None:
        """End all sessions of a principal."""
        kept = {key: each for key, each in self._sessions.items() if each.principal != principal}
        self._sessions = kept

    def form_token(self, session: Session | None) -> str:
        """The proof that a form carries, another one each time: a compressed page shows nothing of it."""
        secret = self._secret(session)
        pad = secrets.token_bytes(_SECRET_BYTES)
        return (pad + _xor(pad, secret)).hex()

    def proves(self, token: str, session: Session | None) -> bool:
        """Whether a form's proof is one of `form_token`."""
        try:
            raw = bytes.fromhex(token)
        except (ValueError, binascii.Error):
            return False
        if len(raw) != 2 * _SECRET_BYTES:
            return False
        shown = _xor(raw[:_SECRET_BYTES], raw[_SECRET_BYTES:])
        return hmac.compare_digest(shown, self._secret(session))

    def _secret(self, session: Session | None) -> bytes:
        """In an open lake, and before a sign-in, all browsers have the same."""
        return session.form_secret if session else self._form_secret


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).hexdigest()


def _xor(first: bytes, second: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(first, second, strict=True))
