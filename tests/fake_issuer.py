"""An OpenID Connect issuer of a test's own: its two pages over HTTP, and the tokens that it signs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

AUDIENCE = "lake"
SIGNING = RSAKey.generate_key(2048, {"kid": "one"})
NEXT = ECKey.generate_key("P-256", {"kid": "two"})


class Issuer:
    """Which keys it publishes, what it answers instead of them, and what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: list[RSAKey | ECKey] = [SIGNING]
        self.answers: dict[str, tuple[int, bytes]] = {}
        """By path: status and body."""
        self.asked: list[str] = []

    def body(self, path: str) -> tuple[int, bytes]:
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        return 200, json.dumps(
            {"keys": [each.as_dict(private=False) for each in self.keys]}
        ).encode()

    def token(self, now_s: float, key: Any = SIGNING, header: Any = None, **claims: Any) -> str:
        """A signed token of `ana`, valid for five minutes, unless the arguments say otherwise."""
        alg = "RS256" if isinstance(key, RSAKey) else "ES256"
        given = {"alg": alg, "kid": key.kid, **(header or {})}
        said = {"iss": self.url, "aud": AUDIENCE, "sub": "ana", "exp": int(now_s) + 300, **claims}
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(given, said, key, [given["alg"]])


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """An issuer on a loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            status, body = issuer.body(self.path)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
