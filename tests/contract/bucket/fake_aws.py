"""A server on loopback that issues AWS credentials: STS, SSO, container and machine metadata; and a store.

Each issue is numbered, and the store notes which credentials signed each request.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from aiohttp import web

STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
LONG_S, EXPIRING_S = 6 * 3600, 60
"""botocore renews credentials that expire within 10 to 15 minutes."""


class FakeAws:
    """`requests` holds who was asked, `signers` the key ids and tokens that the store saw."""

    def __init__(self) -> None:
        self.url = ""
        self.lifetime_s = LONG_S
        self.issued = 0
        self.requests: list[str] = []
        self.signers: list[tuple[str, str | None, str]] = []
        self.refusing = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeAws"]:
        app = web.Application()
        app.router.add_post("/sts", self._sts)
        app.router.add_post("/redirect", self._redirect)
        app.router.add_get("/sso/federation/credentials", self._sso)
        app.router.add_get("/container", self._container)
        app.router.add_put("/machine/latest/api/token", self._machine_token)
        app.router.add_get(
            "/machine/latest/meta-data/iam/security-credentials/", self._machine_role
        )
        app.router.add_get("/machine/latest/meta-data/iam/security-credentials/role", self._machine)
        app.router.add_get("/s3/bucket/{key:.*}", self._object)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def _issue(self, source: str) -> tuple[str, str, str, datetime]:
        self.issued += 1
        self.requests.append(source)
        name = f"{source}{self.issued}"
        return (
            name,
            f"secret-{name}",
            f"token-{name}",
            datetime.now(UTC) + timedelta(seconds=self.lifetime_s),
        )

    async def _sts(self, request: web.Request) -> web.Response:
        form = await request.post()
        action = str(form["Action"])
        if self.refusing:
            error = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
            body = f"<ErrorResponse>{error}</ErrorResponse>"
            return web.Response(status=403, text=body, content_type="text/xml")
        if action == "AssumeRoleWithWebIdentity":
            assert form["WebIdentityToken"] == "the-web-identity-token"
        key, secret, token, expires = self._issue(action)
        body = (
            f'<{action}Response xmlns="{STS_NAMESPACE}"><{action}Result><Credentials>'
            f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
            f"<SessionToken>{token}</SessionToken><Expiration>{expires.isoformat()}</Expiration>"
            f"</Credentials></{action}Result></{action}Response>"
        )
        return web.Response(text=body, content_type="text/xml")

    async def _redirect(self, _request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": f"{self.url}/sts"})

    async def _sso(self, request: web.Request) -> web.Response:
        assert request.headers["x-amz-sso_bearer_token"] == "the-sso-token"
        key, secret, token, expires = self._issue("sso")
        return web.json_response(
            {
                "roleCredentials": {
                    "accessKeyId": key,
                    "secretAccessKey": secret,
                    "sessionToken": token,
                    "expiration": int(expires.timestamp() * 1000),
                }
            }
        )

    async def _container(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "the-container-token"
        return web.json_response(self._document("container"))

    async def _machine_token(self, request: web.Request) -> web.Response:
        self.requests.append("machine token")
        return web.Response(text="the-machine-token")

    async def _machine_role(self, request: web.Request) -> web.Response:
        return web.Response(text="role")

    async def _machine(self, request: web.Request) -> web.Response:
        assert request.headers["x-aws-ec2-metadata-token"] == "the-machine-token"
        return web.json_response({"Code": "Success", **self._document("machine")})

    def _document(self, source: str) -> dict[str, str]:
        key, secret, token, expires = self._issue(source)
        return {
            "AccessKeyId": key,
            "SecretAccessKey": secret,
            "Token": token,
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    async def _object(self, request: web.Request) -> web.Response:
        signature = re.search(
            r"Credential=([^/]+)/\d+/([^/]+)/s3/", request.headers["Authorization"]
        )
        assert signature is not None
        token = request.headers.get("x-amz-security-token")
        self.signers.append((signature[1], token, signature[2]))
        return web.Response(body=b"body", headers={"ETag": '"1"'})
