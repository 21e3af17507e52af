"""A source's prefix in an S3 store: listed page by page; each object read in the version that was listed.

Must never write to the store. Its endpoint and keys are those of the settings, as for the lake's bucket.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from botocore.exceptions import ClientError

from journal.bucket.errors import BucketError, ObjectMissing
from journal.bucket.s3.answers import status_of, translated
from journal.bucket.s3.client import open_clients
from journal.bucket.s3.settings import S3Settings
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.sources.entries import Changed, Entry, Piece, Skipped
from lakehouse.service.sources.pattern import Pattern

CHUNK_BYTES = 1024 * 1024
PAGE = 500
PRECONDITION_FAILED = 412


class Prefix:
    """The objects below a prefix whose keys match a pattern. Use `open` and `close`."""

    is_whole = True

    def __init__(self, settings: S3Settings, client: Any, stack: AsyncExitStack) -> None:
        self.settings = settings
        self._client = client
        self._stack = stack

    @classmethod
    async def open(cls, settings: S3Settings) -> "Prefix":
        """Nothing is sent yet. Raises RefusedError `source_unavailable` without keys."""
        async with AsyncExitStack() as stack:
            try:
                clients = await open_clients(settings, stack)
            except ValueError as error:
                raise RefusedError(Refused("source_unavailable", str(error))) from error
            return cls(settings, clients.data, stack.pop_all())

    async def close(self) -> None:
        """Close its connections."""
        await self._stack.aclose()

    async def pages(self, pattern: Pattern) -> AsyncIterator[Piece]:
        """As `Place.pieces`."""
        prefix = f"{self.settings.prefix}/" if self.settings.prefix else ""
        page: dict[str, Any] = {"IsTruncated": True}
        while page["IsTruncated"]:
            page = await self._page(prefix, page.get("NextContinuationToken"))
            found = ((_key(each, prefix), each) for each in page.get("Contents", ()))
            yield [_entry(key, each) for key, each in found if pattern.matches(key)]

    async def _page(self, prefix: str, token: str | None) -> dict[str, Any]:
        request: dict[str, Any] = {"Prefix": prefix, "MaxKeys": PAGE}
        if token is not None:
            request["ContinuationToken"] = token
        with _refused(), translated(f"{prefix}*"):
            return dict(await self._client.list_objects_v2(Bucket=self.settings.bucket, **request))

    async def chunks(self, entry: Entry) -> AsyncIterator[bytes]:
        """As `Place.chunks`."""
        body = await self._body(entry)
        async with body:
            while True:
                with _refused(), translated(entry.key):
                    chunk = bytes(await body.read(CHUNK_BYTES))
                if not chunk:
                    return
                yield chunk

    async def _body(self, entry: Entry) -> Any:
        prefix = f"{self.settings.prefix}/" if self.settings.prefix else ""
        etag = entry.identity.rpartition("-")[0]
        try:
            with _refused(), translated(entry.key):
                try:
                    answer = await self._client.get_object(
                        Bucket=self.settings.bucket, Key=prefix + entry.key, IfMatch=f'"{etag}"'
                    )
                except ClientError as error:
                    if status_of(error) == PRECONDITION_FAILED:
                        raise Changed(entry.key) from error
                    raise
        except RefusedError as error:
            if isinstance(error.__cause__, ObjectMissing):
                raise Changed(entry.key) from error
            raise
        if answer["ETag"].strip('"') != etag:
            answer["Body"].close()
            raise Changed(entry.key)
        return answer["Body"]


@contextmanager
def _refused() -> Iterator[None]:
    """Turn a store's refusal or silence into RefusedError `source_unavailable`."""
    try:
        yield
    except BucketError as error:
        raise RefusedError(Refused("source_unavailable", str(error))) from error


def _key(listed: dict[str, Any], prefix: str) -> str:
    return str(listed["Key"]).removeprefix(prefix)


def _entry(key: str, listed: dict[str, Any]) -> Entry | Skipped:
    if not key.isprintable():
        shown = "".join(each if each.isprintable() else "\ufffd" for each in key)
        return Skipped(shown, "its key has control characters")
    etag = str(listed["ETag"]).strip('"')
    modified_ns = int(listed["LastModified"].timestamp() * 1e9)
    return Entry(key, f"{etag}-{listed['Size']}", modified_ns)
