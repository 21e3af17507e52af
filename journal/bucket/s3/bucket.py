"""A bucket in an S3 store, or the part of one below a prefix.

Owns two clients (see `client`): creates use the one that sends each request once.
Messages contain our keys, never the store's URL, a credential or a signature.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from journal.bucket.errors import BucketBroken, BucketRefused, ObjectMissing
from journal.bucket.keys import check_blobs, key_fault
from journal.bucket.port import Answer, Created, LocalFile, Stat
from journal.bucket.s3.answers import (
    NO_ANSWER,
    created,
    missing_bucket,
    status_of,
    translated,
)
from journal.bucket.s3.client import S3Clients, open_clients
from journal.bucket.s3.delete import abort_uploads, delete_objects
from journal.bucket.s3.settings import S3Settings
from journal.bucket.s3.upload import Target, upload

CHUNK_BYTES = 1 << 20
PAGE = 1000
RANGE_NOT_SATISFIABLE = 416


class S3Bucket:
    """A bucket of an S3 store. Use `open`."""

    def __init__(self, settings: S3Settings, clients: S3Clients, stack: AsyncExitStack) -> None:
        self._name = settings.bucket
        self._prefix = f"{settings.prefix}/" if settings.prefix else ""
        # Sockets time out on silence alone; this bounds a store that answers a byte at a time.
        self._create_timeout_s = settings.connect_timeout_s + 2 * settings.read_timeout_s
        self._clients = clients
        self._stack = stack

    @classmethod
    async def open(cls, settings: S3Settings) -> "S3Bucket":
        """The bucket that `settings` name; nothing is sent yet. ValueError without credentials."""
        async with AsyncExitStack() as stack:
            clients = await open_clients(settings, stack)
            return cls(settings, clients, stack.pop_all())

    @property
    def url(self) -> str:
        return f"s3://{self._name}/{self._prefix}".rstrip("/")

    @property
    def region(self) -> str:
        """The region that requests are signed for."""
        return str(self._clients.data.meta.region_name)

    def signs_with(self, access_key_id: str) -> bool:
        """Whether requests are signed with the key of this id."""
        return self._clients.signs_with(access_key_id)

    @property
    def spool_dir(self) -> Path | None:
        return None

    def renew(self, settings: S3Settings) -> None:
        """Use the credentials of `settings` from now on, for the same bucket."""
        self._clients.renew(settings)

    async def create(self, key: str, body: bytes) -> Created:
        if fault := key_fault(key):
            return Created(Answer.REFUSED, fault)
        try:
            async with asyncio.timeout(self._create_timeout_s):
                await self._clients.once.put_object(
                    Bucket=self._name, Key=self._prefix + key, Body=body, IfNoneMatch="*"
                )
        except (ClientError, *NO_ANSWER) as error:
            return created(key, error)
        return Created(Answer.CREATED)

    async def upload(self, key: str, source: Path | bytes) -> None:
        await upload(Target(self._clients.data, self._name, self._path(key), key), source)

    async def read(self, key: str) -> bytes:
        path = self._path(key)
        with translated(key):
            answer = await self._clients.data.get_object(Bucket=self._name, Key=path)
            body = answer["Body"]
            async with body:
                return bytes(await body.read())

    async def stream(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        if length == 0:
            await self.stat(key)
            return
        body = await self._open_range(key, start, length)
        if body is None:
            return
        async with body:
            # An early end of the body is an error of aiohttp's, so an empty chunk is the end.
            while chunk := await _next_chunk(key, body):
                yield chunk

    async def stat(self, key: str) -> Stat:
        path = self._path(key)
        with translated(key):
            found = await self._clients.data.head_object(Bucket=self._name, Key=path)
        return Stat(key, found["ContentLength"], found["LastModified"].astimezone(UTC))

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        found: list[Stat] = []
        page: dict[str, Any] = {"IsTruncated": True}
        while page["IsTruncated"] and len(found) < limit:
            page = await self._page(prefix, after, limit - len(found), page)
            found += self._stats(page, prefix, found[-1].key if found else after)
        return found[:limit]

    async def delete_blobs(self, keys: Sequence[str]) -> list[str]:
        check_blobs(keys)
        return await delete_objects(self._clients.data, self._name, self._prefix, keys)

    async def abort_uploads(self, lake: str, begun_before: datetime) -> list[str]:
        return await abort_uploads(self._clients.data, self._name, self._prefix, lake, begun_before)

    async def is_shared(self) -> bool:
        """Always True: a store does not report its users."""
        return True

    async def now(self) -> datetime:
        try:
            with translated(self.url):
                answer = await self._clients.data.head_bucket(Bucket=self._name)
        except ObjectMissing as error:
            # A response to HEAD has no body that could name the error NoSuchBucket.
            raise missing_bucket(self._name) from error
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        if date is None:
            raise BucketBroken(f"{self.url}: the store's answers have no Date")
        return parsedate_to_datetime(date).astimezone(UTC)

    def local_file(self, key: str) -> LocalFile | None:
        return None

    async def close(self) -> None:
        await self._stack.aclose()

    def _path(self, key: str) -> str:
        if fault := key_fault(key):
            raise BucketRefused(fault)
        return self._prefix + key

    async def _open_range(self, key: str, start: int, length: int | None) -> Any:
        """The body of a GET; None when `start` lies at or past the end."""
        request = {"Bucket": self._name, "Key": self._path(key)}
        whole = start == 0 and length is None
        if not whole:
            end = "" if length is None else start + length - 1
            request["Range"] = f"bytes={start}-{end}"
        with translated(key):
            try:
                answer = await self._clients.data.get_object(**request)
            except ClientError as error:
                if status_of(error) == RANGE_NOT_SATISFIABLE:
                    return None
                raise
        if not whole and not answer.get("ContentRange", "").startswith(f"bytes {start}-"):
            answer["Body"].close()
            raise BucketBroken(f"{key}: the store does not honour a range")
        return answer["Body"]

    async def _page(
        self, prefix: str, after: str, limit: int, previous: dict[str, Any]
    ) -> dict[str, Any]:
        request: dict[str, Any] = {"Prefix": self._prefix + prefix, "MaxKeys": min(limit, PAGE)}
        if token := previous.get("NextContinuationToken"):
            request["ContinuationToken"] = token
        elif after:
            request["StartAfter"] = self._prefix + after
        with translated(f"{prefix}*"):
            page = await self._clients.data.list_objects_v2(Bucket=self._name, **request)
        return dict(page)

    def _stats(self, page: dict[str, Any], prefix: str, after: str) -> list[Stat]:
        stats = []
        for entry in page.get("Contents", ()):
            key = entry["Key"].removeprefix(self._prefix)
            # Code points sort as their UTF-8 bytes do.
            if not key.startswith(prefix) or key <= after:
                raise BucketBroken(f"{key}: listed out of order, or outside of {prefix!r}")
            stats.append(Stat(key, entry["Size"], entry["LastModified"].astimezone(UTC)))
            after = key
        return stats


async def _next_chunk(key: str, body: Any) -> bytes:
    with translated(key):
        return bytes(await body.read(CHUNK_BYTES))
