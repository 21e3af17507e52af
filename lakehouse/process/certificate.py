"""The server's certificate: TLS 1.2 and 1.3, read again when its files change.

Owns the pair that handshakes use. A new pair takes effect for new connections; open ones go on with
what they have. A pair that is bad or does not match is logged and the old one stays in use. Never
logs or stores the key.
"""

import asyncio
import hashlib
import ssl
import stat
from collections.abc import Callable
from pathlib import Path

import structlog

from lakehouse.config import ConfigError

REFRESH_S = 5.0
"""How often the files are read; a change must take effect within 15 s."""
_OTHERS = 0o007

log = structlog.get_logger()


class Certificate:
    """The pair in `certificate` (PEM, the chain included) and `key` (PEM, not encrypted)."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises ConfigError, which names the setting of the file at fault."""
        self._certificate = certificate
        self._key = key
        self._digest, self._current = self._read()
        self._refused: str | None = None
        self.context = self._server_context()
        """For the listening socket: each handshake takes the current pair."""
        self.on_renewed: Callable[[], object] | None = None
        """Called by `watch` once another pair is in use."""

    def pair(self) -> tuple[bytes, bytes]:
        """The certificate and its key in PEM, for a server that takes no context.

        Raises ConfigError where the files no longer hold the pair in use.
        """
        try:
            pair = self._certificate.read_bytes(), self._key.read_bytes()
        except OSError as error:
            raise ConfigError(f"tls_cert, tls_key: {error.strerror}") from error
        if _digest(*pair) != self._digest:
            raise ConfigError("tls_cert, tls_key: the files are being written")
        return pair

    def refresh(self) -> bool:
        """Read the files once. Returns whether another pair is in use now."""
        try:
            digest, context = self._read()
        except ConfigError as error:
            if str(error) != self._refused:
                self._refused = str(error)
                log.warning("certificate_refused", detail=str(error))
            return False
        self._refused = None
        if digest == self._digest:
            return False
        self._digest, self._current = digest, context
        log.info("certificate_renewed")
        return True

    async def watch(self, interval_s: float = REFRESH_S) -> None:
        """Refresh every `interval_s`, until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            if await asyncio.to_thread(self.refresh) and self.on_renewed is not None:
                self.on_renewed()

    def _server_context(self) -> ssl.SSLContext:
        """The first context, whose handshakes switch to the current one, with SNI and without."""

        def use_current(
            handshake: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext
        ) -> None:
            handshake.context = self._current

        self._current.sni_callback = use_current
        return self._current

    def _read(self) -> tuple[bytes, ssl.SSLContext]:
        """The digest of both files, and a context with their pair. Raises ConfigError."""
        digest = self._contents()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            # An encrypted key would ask for its password on the terminal.
            context.load_cert_chain(self._certificate, self._key, password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(self._cause(error)) from error
        except OSError as error:
            raise ConfigError(f"tls_cert, tls_key: {error.strerror}") from error
        if self._contents() != digest:
            raise ConfigError("tls_cert, tls_key: the files are being written")
        return digest, context

    def _contents(self) -> bytes:
        try:
            certificate = self._certificate.read_bytes()
        except OSError as error:
            raise ConfigError(f"tls_cert {self._certificate}: {error.strerror}") from error
        try:
            mode = stat.S_IMODE(self._key.stat().st_mode)
            key = self._key.read_bytes()
        except OSError as error:
            raise ConfigError(f"tls_key {self._key}: {error.strerror}") from error
        if mode & _OTHERS:
            detail = f"every user can access it (mode {mode:04o}); run chmod o-rwx"
            raise ConfigError(f"tls_key {self._key}: {detail}")
        return _digest(certificate, key)

    def _cause(self, error: Exception) -> str:
        """Which of the two files is bad. OpenSSL's own words name no file."""
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            return f"tls_key {self._key}: it is not the key of tls_cert {self._certificate}"
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(self._certificate)
        except OSError:
            return f"tls_cert {self._certificate}: it holds no certificate in PEM"
        return f"tls_key {self._key}: it holds no unencrypted key in PEM that fits tls_cert"


def _digest(certificate: bytes, key: bytes) -> bytes:
    return b"".join(hashlib.sha256(each).digest() for each in (certificate, key))
