"""The S3 clients that the protocol needs: one request per call, to the configured endpoint alone.

Two layers below would otherwise repeat a request, and so hide which attempt won: aiohttp repeats a PUT
when a kept-alive connection breaks, and follows redirects to any host with the body; botocore's region
redirector signs the request again for another region. All of this is off, and `tests/contract/bucket`
checks that. An endpoint comes from the settings, never from an AWS file or a response.
"""

from contextlib import AsyncExitStack
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioCredentials

from journal.bucket.s3.credentials import open_session
from journal.bucket.s3.direct_session import DirectSession
from journal.bucket.s3.settings import S3Settings

DATA_ATTEMPTS = 3
CONNECTIONS = 32


class S3Clients:
    """`once` sends exactly one request per call; `data` retries requests that may be repeated."""

    def __init__(self, once: Any, data: Any, credentials: AioCredentials) -> None:
        self.once = once
        self.data = data
        self._credentials = credentials

    def signs_with(self, access_key_id: str) -> bool:
        """Whether requests are signed with the key of this id."""
        return bool(self._credentials.access_key == access_key_id)

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
