"""What an S3 bucket makes of a store's answers, and that a create is one request whatever happens."""

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from fault_server import FaultServer

from journal.bucket.errors import (
    BucketBroken,
    BucketError,
    BucketFull,
    BucketRefused,
    BucketUnavailable,
    ObjectMissing,
)
from journal.bucket.opening import open_bucket
from journal.bucket.port import Answer, Bucket
from journal.bucket.s3.settings import S3Settings

SECRET = "the-very-secret-key"
SETTINGS = S3Settings(
    bucket="bucket",
    region="us-east-1",
    access_key_id="the-access-key",
    secret_access_key=SECRET,
    session_token="the-session-token",
    connect_timeout_s=60,
    read_timeout_s=60,
)
HASTY_S = 0.2
"""How long a store is awaited that never answers. Any other is awaited as long as a busy machine takes."""


@pytest.fixture
async def faults() -> AsyncIterator[FaultServer]:
    async with FaultServer().running() as server:
        yield server


@pytest.fixture
async def bucket(faults: FaultServer) -> AsyncIterator[Bucket]:
    bucket = await bucket_at(faults.url)
    yield bucket
    await bucket.close()


@pytest.fixture
async def hasty(faults: FaultServer) -> AsyncIterator[Bucket]:
    bucket = await bucket_at(faults.url, HASTY_S)
    yield bucket
    await bucket.close()


async def bucket_at(url: str, read_timeout_s: float = SETTINGS.read_timeout_s) -> Bucket:
    settings = msgspec.structs.replace(SETTINGS, endpoint_url=url, read_timeout_s=read_timeout_s)
    return await open_bucket("s3://bucket", settings)


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ("200", Answer.CREATED),
        ("412", Answer.EXISTS),
        ("409", Answer.CONFLICT),
        ("408", Answer.UNKNOWN),
        ("429", Answer.UNKNOWN),
        ("500", Answer.UNKNOWN),
        ("502", Answer.UNKNOWN),
        ("503", Answer.UNKNOWN),
        ("504", Answer.UNKNOWN),
        ("507", Answer.UNKNOWN),
        ("reset", Answer.UNKNOWN),
        ("reset after the body", Answer.UNKNOWN),
        ("early end", Answer.UNKNOWN),
        ("301", Answer.REFUSED),
        ("302", Answer.REFUSED),
        ("303", Answer.REFUSED),
        ("307", Answer.REFUSED),
        ("308", Answer.REFUSED),
        ("400", Answer.REFUSED),
        ("403", Answer.REFUSED),
        ("404", Answer.REFUSED),
        ("405", Answer.REFUSED),
        ("501", Answer.REFUSED),
    ],
)
@pytest.mark.parametrize("size_bytes", [5, 3 << 20])
async def test_a_create_is_one_request_and_its_answer_is_reported(
    faults: FaultServer, bucket: Bucket, fault: str, answer: Answer, size_bytes: int
) -> None:
    async with FaultServer().running() as elsewhere:
        faults.elsewhere = elsewhere.url
        faults.fault = fault
        created = await bucket.create("a/b", b"x" * size_bytes)
        assert created.answer is answer
        assert faults.requests == [("PUT", "/bucket/a/b")]
        assert elsewhere.requests == []


async def test_a_create_that_nobody_answers_is_unknown(faults: FaultServer, hasty: Bucket) -> None:
    faults.fault = "hang"
    for size_bytes in (5, 3 << 20):
        assert (await hasty.create("a/b", b"x" * size_bytes)).answer is Answer.UNKNOWN
    # On a busy machine the client may have given up before the server read a head.
    assert set(faults.requests) <= {("PUT", "/bucket/a/b")} and len(faults.requests) <= 2


@pytest.mark.parametrize("fault", ["reset", "reset after the body"])
async def test_a_create_is_not_repeated_when_a_kept_connection_breaks(
    faults: FaultServer, bucket: Bucket, fault: str
) -> None:
    await bucket.create("a", b"over a new connection")
    faults.fault = fault
    assert (await bucket.create("b", b"over the same")).answer is Answer.UNKNOWN
    assert faults.requests == [("PUT", "/bucket/a"), ("PUT", "/bucket/b")]


@pytest.mark.parametrize("status", ["400", "301"])
async def test_a_create_is_not_signed_anew_for_another_region(
    faults: FaultServer, bucket: Bucket, status: str
) -> None:
    faults.fault, faults.elsewhere = status, faults.url
    faults.code = "AuthorizationHeaderMalformed" if status == "400" else "PermanentRedirect"
    faults.headers = {"x-amz-bucket-region": "eu-west-7"}
    assert (await bucket.create("a", b"")).answer is Answer.REFUSED
    assert faults.requests == [("PUT", "/bucket/a")]


async def test_a_body_that_came_too_slowly_is_no_refusal(
    faults: FaultServer, bucket: Bucket
) -> None:
    faults.fault, faults.code = "400", "RequestTimeout"
    assert (await bucket.create("a", b"")).answer is Answer.UNKNOWN


@pytest.mark.parametrize(
    ("fault", "code", "error"),
    [
        ("404", "NoSuchKey", ObjectMissing),
        ("404", "NoSuchBucket", BucketRefused),
        ("400", "BadRequest", BucketRefused),
        ("403", "AccessDenied", BucketRefused),
        ("403", "QuotaExceeded", BucketFull),
        ("501", "NotImplemented", BucketRefused),
        ("307", "TemporaryRedirect", BucketRefused),
        ("429", "SlowDown", BucketUnavailable),
        ("503", "SlowDown", BucketUnavailable),
        ("507", "XMinioStorageFull", BucketFull),
        ("reset", "", BucketUnavailable),
        ("early end", "", BucketUnavailable),
    ],
)
async def test_a_read_fails_in_our_words(
    faults: FaultServer, bucket: Bucket, fault: str, code: str, error: type[BucketError]
) -> None:
    async with FaultServer().running() as elsewhere:
        faults.fault, faults.code, faults.elsewhere = fault, code, elsewhere.url
        with pytest.raises(error):
            await bucket.read("a")
        assert elsewhere.requests == []
        assert 1 <= len(faults.requests) <= 3


async def test_a_stream_that_ends_early_is_unavailable_midway(
    faults: FaultServer, bucket: Bucket
) -> None:
    faults.fault = "early end"
    received = b""
    with pytest.raises(BucketUnavailable):
        async for chunk in bucket.stream("a"):
            received += chunk
    assert received == b"x" * 10


async def test_a_store_without_ranges_is_broken(faults: FaultServer, bucket: Bucket) -> None:
    with pytest.raises(BucketBroken):
        async for _ in bucket.stream("a", 3, 4):
            pass


@pytest.mark.parametrize("fault", ["403", "503", "reset"])
async def test_an_upload_that_fails_is_reported(
    faults: FaultServer, bucket: Bucket, tmp_path: Path, fault: str
) -> None:
    faults.fault = fault
    expected = BucketRefused if fault == "403" else BucketUnavailable
    for size_bytes in (5, 20 << 20):
        source = tmp_path / "source"
        source.write_bytes(b"x" * size_bytes)
        with pytest.raises(expected):
            await bucket.upload("a", source)


async def test_a_cancelled_create_is_cancelled(faults: FaultServer, bucket: Bucket) -> None:
    faults.fault = "hang"
    creating = asyncio.ensure_future(bucket.create("a", b""))
    while not faults.requests:
        await asyncio.sleep(0)
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating


async def test_an_endpoint_that_nobody_listens_on_is_unknown_and_unavailable_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    bucket = await bucket_at(f"http://127.0.0.1:{port}")
    async with asyncio.timeout(SETTINGS.connect_timeout_s / 2):
        assert (await bucket.create("a", b"")).answer is Answer.UNKNOWN
        with pytest.raises(BucketUnavailable):
            await bucket.read("a")
    await bucket.close()


@pytest.mark.parametrize("fault", ["403", "503", "reset"])
async def test_no_text_of_ours_holds_a_secret_or_what_the_store_echoed(
    faults: FaultServer, bucket: Bucket, fault: str
) -> None:
    faults.fault = fault
    created = await bucket.create("a", b"")
    with pytest.raises(BucketError) as caught:
        await bucket.read("a")
    ours = f"{created!r} {caught.value} {caught.value!r} {bucket!r} {bucket.url} {SETTINGS!r}"
    for part in ("Signature", "Credential=", SECRET, "the-session-token"):
        assert part not in ours
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert "a: " in str(caught.value)
