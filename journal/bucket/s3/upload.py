"""Uploads a file to an S3 bucket: one PUT, or a multipart upload that is aborted when it fails.

Never used for slots: not every store honours If-None-Match at the end of a multipart upload (Ceph 16
ignores it), so here it only guards against mistakes. Keys are new and contain the hash of the bytes; an
object of the same size under such a key is our own earlier attempt.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from journal.bucket.errors import (
    BucketError,
    BucketRefused,
    BucketUnavailable,
    ObjectExists,
    ObjectMissing,
)
from journal.bucket.s3.answers import code_of, status_of, translated

PART_BYTES = 8 << 20
MAX_PARTS = 10_000
PARTS_IN_FLIGHT = 4


class Target(msgspec.Struct, frozen=True):
    """Where an upload goes: `path` is the whole S3 key, `key` the bucket's own for messages."""

    client: Any
    bucket: str
    path: str
    key: str

    @property
    def address(self) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.path}


async def upload(target: Target, source: Path | bytes) -> None:
    """Store `source`; at most PARTS_IN_FLIGHT parts are in memory. OSError when it cannot be read."""
    if isinstance(source, bytes):
        await _put(target, source)
        return
    size_bytes = (await asyncio.to_thread(source.stat)).st_size
    if size_bytes <= PART_BYTES:
        await _put(target, await _piece(source, 0, size_bytes))
    elif not await _is_there(target, size_bytes):
        await _multipart(target, source, size_bytes)


def part_size(size_bytes: int) -> int:
    """The bytes of a part, so that a file of `size_bytes` needs no more than MAX_PARTS."""
    return max(PART_BYTES, -(-size_bytes // MAX_PARTS))


async def _put(target: Target, body: bytes) -> None:
    put = target.client.put_object(**target.address, Body=body, IfNoneMatch="*")
    if not await _was_done(target, put):
        await _expect(target, len(body))


async def _multipart(target: Target, source: Path, size_bytes: int) -> None:
    begun = asyncio.ensure_future(target.client.create_multipart_upload(**target.address))
    try:
        with translated(target.key):
            upload_id = (await asyncio.shield(begun))["UploadId"]
        parts = await _send_parts(target, upload_id, source, size_bytes)
        done = await _complete(target, upload_id, parts)
    except BaseException:
        await _to_the_end(_abort(target, begun))
        raise
    if not done:
        await _to_the_end(_abort(target, begun))
    await _expect(target, size_bytes)


async def _send_parts(
    target: Target, upload_id: str, source: Path, size_bytes: int
) -> list[dict[str, Any]]:
    size = part_size(size_bytes)
    starts = iter(enumerate(range(0, size_bytes, size), start=1))
    etags: dict[int, str] = {}

    async def send_some() -> None:
        for number, start in starts:  # shared: each task takes the next part
            # One expression: a name would keep this part alive while the next one is read.
            etags[number] = await _send_part(
                target,
                upload_id,
                number,
                await _piece(source, start, min(size, size_bytes - start)),
            )

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(PARTS_IN_FLIGHT):
                group.create_task(send_some())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return [{"PartNumber": number, "ETag": etags[number]} for number in sorted(etags)]


async def _send_part(target: Target, upload_id: str, number: int, body: bytes) -> str:
    with translated(target.key):
        answer = await target.client.upload_part(
            **target.address, UploadId=upload_id, PartNumber=number, Body=body
        )
    return str(answer["ETag"])


async def _complete(target: Target, upload_id: str, parts: list[dict[str, Any]]) -> bool:
    request = target.client.complete_multipart_upload(
        **target.address, UploadId=upload_id, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
    )
    return await _was_done(target, request)


async def _was_done(target: Target, request: Awaitable[Any]) -> bool:
    """False when the key is taken, perhaps by the first attempt at this very request."""
    with translated(target.key):
        try:
            await request
        except ClientError as error:
            # After a lost answer, a second completion finds no upload.
            if status_of(error) != 412 and code_of(error) != "NoSuchUpload":
                raise
            return False
    return True


async def _is_there(target: Target, size_bytes: int) -> bool:
    """Whether the key holds an earlier attempt of ours. Raises ObjectExists for another object."""
    try:
        with translated(target.key):
            found = await target.client.head_object(**target.address)
    except ObjectMissing:
        return False
    if found["ContentLength"] != size_bytes:
        raise ObjectExists(f"{target.key}: another object has this key")
    return True


async def _expect(target: Target, size_bytes: int) -> None:
    if not await _is_there(target, size_bytes):
        raise BucketUnavailable(f"{target.key}: the upload ended, but the object is not there")


async def _abort(target: Target, begun: "asyncio.Future[dict[str, Any]]") -> None:
    # What cannot be aborted now is aborted by gc after the grace time.
    with contextlib.suppress(BucketError), translated(target.key):
        upload_id = (await begun)["UploadId"]
        await target.client.abort_multipart_upload(**target.address, UploadId=upload_id)


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` and let it end even when we are cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _piece(source: Path, start: int, size_bytes: int) -> bytes:
    # Opened for each piece: a cancelled upload leaves no open descriptor.
    body = await asyncio.to_thread(_read, source, start, size_bytes)
    if len(body) != size_bytes:
        raise BucketRefused(f"{source.name}: the source changed while it was being stored")
    return body


def _read(source: Path, start: int, size_bytes: int) -> bytes:
    with source.open("rb") as file:
        file.seek(start)
        return file.read(size_bytes)
