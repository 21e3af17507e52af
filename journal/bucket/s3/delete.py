"""Deletes blobs from an S3 bucket and aborts unfinished uploads. The caller has checked the keys."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from journal.bucket.errors import ObjectMissing
from journal.bucket.keys import BLOBS, blob_tag
from journal.bucket.s3.answers import translated


async def delete_objects(client: Any, bucket: str, prefix: str, keys: Sequence[str]) -> list[str]:
    """Delete up to 1,000 keys in one request; return those that the store reports deleted or absent."""
    if not keys:
        return []
    # XML cannot represent every key, but a blob's is plain ASCII.
    wanted = {"Objects": [{"Key": prefix + key} for key in keys], "Quiet": False}
    with translated(f"{len(keys)} blobs"):
        answer = await client.delete_objects(Bucket=bucket, Delete=wanted)
    detail = {each["Key"].removeprefix(prefix) for each in answer.get("Deleted", ())}
    return [key for key in keys if key in detail]


async def abort_uploads(
    client: Any, bucket: str, prefix: str, lake: str, begun_before: datetime
) -> list[str]:
    """Abort this lake's uploads that began before `begun_before`; return their keys."""
    aborted: list[str] = []
    for below in BLOBS:
        async for upload in _uploads(client, bucket, prefix + below):
            key = upload["Key"].removeprefix(prefix)
            tag = blob_tag(key)
            ours = tag is not None and tag.lake == lake
            if ours and upload["Initiated"].astimezone(UTC) < begun_before:
                await _abort(client, bucket, upload)
                aborted.append(key)
    return aborted


async def _uploads(client: Any, bucket: str, prefix: str) -> AsyncIterator[dict[str, Any]]:
    markers: dict[str, str] = {}
    while True:
        with translated(f"{prefix}*"):
            page = await client.list_multipart_uploads(Bucket=bucket, Prefix=prefix, **markers)
        for upload in page.get("Uploads", ()):
            yield upload
        if not page.get("IsTruncated"):
            return
        markers = {
            "KeyMarker": page["NextKeyMarker"],
            "UploadIdMarker": page["NextUploadIdMarker"],
        }


async def _abort(client: Any, bucket: str, upload: dict[str, Any]) -> None:
    try:
        with translated(upload["Key"]):
            await client.abort_multipart_upload(
                Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"]
            )
    except ObjectMissing:
        # It has ended meanwhile: completed late, or aborted by another process's gc.
        return
