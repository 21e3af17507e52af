"""Sessions of browsers: a cookie that says whose it is and since when, sealed with a key of the lake.

Owns how long a session lasts, and the proof that a form is of this console. Every process of the lake opens
the same cookies. Must never hold a token's secret: whether the token is valid is decided at each request by
its id, or by the time until which it was signed.
"""

import binascii
import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict

import msgspec

from journal.clock import Clock
from lakehouse.service.secret_key import SecretKey

LIFETIME_S = 12 * 3600.0
MAX_CLOSED = 10_000
"""How many sessions that were closed a process remembers; they end by themselves after LIFETIME_S."""
COOKIE = "lakehouse_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""Over TLS: a browser takes it from this host alone, and for all paths."""
THEME_COOKIE = "lakehouse_theme"
_SECRET_BYTES = 32
_ID_BYTES = 16


class Session(msgspec.Struct, frozen=True, array_like=True):
    """A browser that has signed in: what its cookie says."""

    principal: str
    token_id: str
    seq: int
    """The last event that the process knew then: the principal's next change ends the session."""
    opened_s: float
    """Seconds since 1970."""
    signed_until: str | None = None
    """Until when the signed token of an issuer is valid that opened it."""
    id: str = ""
    """Random: no two sessions are the same."""


_SESSION = msgspec.json.Decoder(Session)


class Sessions:
    """Seals and opens the cookies of one lake. Without `load` it finds no session."""

    def __init__(self, key: SecretKey, clock: Clock) -> None:
        self._source = key
        self._clock = clock
        self._key: bytes | None = None
        self._closed = OrderedDict[str, None]()
        """Ids of sessions that were closed here, the oldest first."""
        # An open lake has no key: its forms prove that they are of this process.
        self._form_secret = secrets.token_bytes(_SECRET_BYTES)

    async def load(self) -> None:
        """Read the key, or create it. Raises as SecretKey does."""
        if self._key is None:
            await self._source.ensure()
            self._key = bytes.fromhex(await self._source.hex())

    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock.now().timestamp()

    def seal(self, session: Session) -> str:
        """The cookie of a session that begins."""
        begun = msgspec.structs.replace(session, id=secrets.token_hex(_ID_BYTES))
        body = msgspec.json.encode(begun)
        return urlsafe_b64encode(self._mac(b"session", body) + body).decode()

    def find(self, cookie: str | None) -> Session | None:
        """The session of a cookie, unless it has ended or was not sealed with this lake's key."""
        session = self._opened(cookie) if cookie and self._key else None
        if session is None or session.id in self._closed:
            return None
        return session if self.now() - session.opened_s <= LIFETIME_S else None

    def close(self, session: Session) -> None:
        """End one session here. Its browser forgets the cookie."""
        self._closed[session.id] = None
        if len(self._closed) > MAX_CLOSED:
            self._closed.popitem(last=False)

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

    def _opened(self, cookie: str) -> Session | None:
        try:
            raw = urlsafe_b64decode(cookie.encode("ascii"))
        except (ValueError, binascii.Error):
            return None
        seal, body = raw[:_SECRET_BYTES], raw[_SECRET_BYTES:]
        if not hmac.compare_digest(seal, self._mac(b"session", body)):
            return None
        return _SESSION.decode(body)

    def _secret(self, session: Session | None) -> bytes:
        """Before a sign-in all browsers have the same."""
        if session is not None:
            return self._mac(b"form", session.id.encode())
        return self._form_secret if self._key is None else self._mac(b"form", b"")

    def _mac(self, purpose: bytes, body: bytes) -> bytes:
        if self._key is None:
            raise RuntimeError("the key of sessions was not loaded")
        return hmac.digest(self._key, purpose + b"\0" + body, hashlib.sha256)


def _xor(first: bytes, second: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(first, second, strict=True))
