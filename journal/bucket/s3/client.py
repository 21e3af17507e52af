"""The S3 clients as the protocol needs them: no hidden second request, no hidden source of trust.

Two layers below us would otherwise send a request again on their own, and so hide which attempt won:
aiohttp repeats a PUT when a kept-alive connection breaks, and follows redirects to any host with the
body; botocore's region redirector signs the request anew for another region. All are off here, and
`tests/contract/bucket` holds that. Credentials, profiles, endpoints come from the settings alone.
"""

import io
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.credentials import (
    AioCredentialResolver,
    AioCredentials,
    AioInstanceMetadataProvider,
)
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession
from aiobotocore.utils import AioInstanceMetadataFetcher

from journal.bucket.s3.settings import S3Settings

DATA_ATTEMPTS = 3
CONNECTIONS = 32
PIECE_BYTES = 256 << 10

_NO_FILES = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""botocore's session variables (config name, environment name, default, conversion): no AWS files."""


class S3Clients:
    """`once` sends exactly one request for one call; `data` retries what may be repeated."""

    def __init__(self, once: Any, data: Any, credentials: AioCredentials) -> None:
        self.once = once
        self.data = data
        self._credentials = credentials

    def renew(self, settings: S3Settings) -> None:
        """Sign what is sent from now on as `settings` say; nothing else of them is looked at."""
        self._credentials.access_key = settings.access_key_id
        self._credentials.secret_key = settings.secret_access_key
        self._credentials.token = settings.session_token


async def open_clients(settings: S3Settings, stack: AsyncExitStack) -> S3Clients:
    """Both clients, closed with `stack`. Sends nothing yet. ValueError without credentials."""
    if not settings.has_credentials:
        raise ValueError(
            "no S3 credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or allow the instance metadata"
        )
    credentials = AioCredentials(
        settings.access_key_id, settings.secret_access_key, settings.session_token
    )
    session = aioboto3.Session(botocore_session=_session(settings, credentials))
    patient_s = 3 * settings.read_timeout_s
    once = _client(session, settings, 1, settings.read_timeout_s)
    data = _client(session, settings, DATA_ATTEMPTS, patient_s)
    clients = S3Clients(
        await stack.enter_async_context(once), await stack.enter_async_context(data), credentials
    )
    for client in (clients.once, clients.data):
        client.meta.events.register("before-call.s3", _refuse_region_redirect)
    return clients


class DirectSession(AIOHTTPSession):  # type: ignore[misc]
    """aiobotocore's HTTP session (its `http_session_cls` option) over `DirectRequests`."""

    async def _get_session(self, proxy_url: str | None) -> "DirectRequests":
        return DirectRequests(await super()._get_session(proxy_url))


class DirectRequests:
    """An aiohttp session whose `request` is one request: not repeated, not redirected."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, data: Any, headers: Any, **options: Any) -> Any:
        # botocore makes files of bytes, and asks 100-continue for every file: a round trip more.
        headers.popall("Expect", None)
        if isinstance(data, io.BytesIO):
            data = data.getvalue()  # the very bytes that it was made of
            data = _pieces(data) if len(data) > PIECE_BYTES else data
        return await self._session.request(
            method,
            data=data,
            headers=headers,
            allow_redirects=False,
            middlewares=(_not_again,),
            **options,
        )


async def _pieces(body: bytes) -> AsyncIterator[memoryview]:
    """A large body piece by piece: it neither holds the event loop nor is copied as a whole."""
    view = memoryview(body)
    for start in range(0, len(view), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]


async def _not_again(
    request: aiohttp.ClientRequest,
    send: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
) -> aiohttp.ClientResponse:
    """Hide from aiohttp the two errors after which it repeats an idempotent request by itself."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from error


def _refuse_region_redirect(context: dict[str, Any], **_: Any) -> None:
    """Tell botocore's S3RegionRedirector that this request was redirected before: it gives up."""
    context.setdefault("s3_redirect", {})["redirected"] = True


class _Given:
    """A provider, as botocore calls it, of the credentials that the settings gave."""

    METHOD = CANONICAL_NAME = "given"

    def __init__(self, credentials: AioCredentials) -> None:
        self._credentials = credentials

    async def load(self) -> AioCredentials:
        return self._credentials


def _session(settings: S3Settings, credentials: AioCredentials) -> AioSession:
    session = AioSession(session_vars=_NO_FILES)
    provider: Any = _Given(credentials)
    if settings.access_key_id is None:
        fetcher = AioInstanceMetadataFetcher(
            timeout=1, num_attempts=2, env={}, user_agent=session.user_agent()
        )
        provider = AioInstanceMetadataProvider(iam_role_fetcher=fetcher)
    session.register_component("credential_provider", AioCredentialResolver([provider]))
    return session


def _client(
    session: aioboto3.Session, settings: S3Settings, attempts: int, read_timeout_s: float
) -> Any:
    return session.client(
        "s3",
        region_name=settings.region,
        endpoint_url=settings.endpoint_url,
        config=_config(settings, attempts, read_timeout_s),
    )


def _config(settings: S3Settings, attempts: int, read_timeout_s: float) -> AioConfig:
    return AioConfig(
        http_session_cls=DirectSession,
        connect_timeout=settings.connect_timeout_s,
        read_timeout=read_timeout_s,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        max_pool_connections=CONNECTIONS,
        signature_version="s3v4",
        s3={"addressing_style": "path" if settings.endpoint_url else "auto"},
        # The newer default checksums come as aws-chunked trailers, which Ceph 16 cannot read.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        ignore_configured_endpoint_urls=True,
    )
