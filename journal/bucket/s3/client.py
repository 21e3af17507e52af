"""The S3 clients that the protocol needs: one request per call, to the configured endpoint alone.

Two layers below would otherwise repeat a request, and so hide which attempt won: aiohttp repeats a PUT
when a kept-alive connection breaks, and follows redirects to any host with the body; botocore's region
redirector signs the request again for another region. All of this is off, and `tests/contract/bucket`
checks that. An endpoint comes from the settings, never from an AWS file or a response.
"""

import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentials
from aiobotocore.httpsession import AIOHTTPSession

from journal.bucket.s3.credentials import open_session
from journal.bucket.s3.settings import S3Settings

DATA_ATTEMPTS = 3
CONNECTIONS = 32
PIECE_BYTES = 256 << 10


class S3Clients:
    """`once` sends exactly one request per call; `data` retries requests that may be repeated."""

    def __init__(self, once: Any, data: Any, credentials: AioCredentials) -> None:
        self.once = once
        self.data = data
        self._credentials = credentials

    def renew(self, settings: S3Settings) -> None:
        """Sign further requests with the credentials of `settings`; its other members are not used."""
        self._credentials.access_key = settings.access_key_id
        self._credentials.secret_key = settings.secret_access_key
        self._credentials.token = settings.session_token


async def open_clients(settings: S3Settings, stack: AsyncExitStack) -> S3Clients:
    """Both clients, closed with `stack`. Sends the store nothing yet. Raises as `open_session` does."""
    botocore_session, credentials, region = await open_session(settings)
    session = aioboto3.Session(botocore_session=botocore_session)
    once = _client(session, settings, region, 1, settings.read_timeout_s)
    data = _client(session, settings, region, DATA_ATTEMPTS, 3 * settings.read_timeout_s)
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
    """An aiohttp session whose `request` sends one request: not repeated, not redirected."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, data: Any, headers: Any, **options: Any) -> Any:
        # botocore wraps bytes in files, and asks 100-continue for every file: one more round trip.
        headers.popall("Expect", None)
        if isinstance(data, io.BytesIO):
            data = data.getvalue()  # shared with the file, not copied
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
    """A large body in pieces, which neither block the event loop nor copy it as a whole."""
    view = memoryview(body)
    for start in range(0, len(view), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]


async def _not_again(
    request: aiohttp.ClientRequest,
    send: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
) -> aiohttp.ClientResponse:
    """Hide from aiohttp the two errors after which it repeats an idempotent request."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from error


def _refuse_region_redirect(context: dict[str, Any], **_: Any) -> None:
    """Make botocore's S3RegionRedirector give up: it does after one redirect, and sees one here."""
    context.setdefault("s3_redirect", {})["redirected"] = True


def _client(
    session: aioboto3.Session,
    settings: S3Settings,
    region: str,
    attempts: int,
    read_timeout_s: float,
) -> Any:
    return session.client(
        "s3",
        region_name=region,
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
