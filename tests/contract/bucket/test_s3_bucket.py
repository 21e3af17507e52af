"""What holds for buckets in an S3 store alone, checked with plain boto3."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from bucket_stores import S3Store
from s3_server import Radosgw, S3Server

from journal.bucket.errors import BucketBroken, BucketMissing, BucketRefused
from journal.bucket.opening import open_bucket
from journal.bucket.port import Answer
from journal.bucket.s3.bucket import S3Bucket
from journal.bucket.s3.settings import S3Settings
from journal.bucket.s3.upload import part_size


@pytest.fixture
def store(s3_server: S3Server) -> S3Store:
    return S3Store(s3_server)


async def test_a_prefix_holds_its_own_objects_only(store: S3Store) -> None:
    inner = await store.connect()
    settings = msgspec.structs.replace(store.settings, prefix="")
    outer = await open_bucket(f"s3://{store.name}", settings)
    await inner.create("a", b"inner")
    await outer.create("some/prefix-not", b"outer")
    await outer.create("a", b"outer")
    assert [each.key for each in await inner.list_objects("")] == ["a"]
    assert await inner.read("a") == b"inner"
    with store.server.client() as client:
        listed = client.list_objects_v2(Bucket=store.name)["Contents"]
    assert [entry["Key"] for entry in listed] == ["a", "some/prefix-not", "some/prefix/a"]
    await inner.close()
    await outer.close()


async def test_wrong_credentials_are_refused(store: S3Store) -> None:
    if store.server.kind == "moto":
        pytest.skip("moto accepts any credentials")
    wrong = msgspec.structs.replace(store.settings, secret_access_key="wrong")
    bucket = await open_bucket(store.url, wrong)
    assert (await bucket.create("a", b"")).answer is Answer.REFUSED
    with pytest.raises(BucketRefused):
        await bucket.read("a")
    with pytest.raises(BucketRefused):
        await bucket.list_objects("")
    await bucket.close()


async def test_a_bucket_comes_with_new_credentials_without_being_opened_again(
    store: S3Store,
) -> None:
    if store.server.kind == "moto":
        pytest.skip("moto accepts any credentials")
    bucket = await open_bucket(store.url, store.settings)
    assert isinstance(bucket, S3Bucket)
    await bucket.create("a", b"before")
    bucket.renew(msgspec.structs.replace(store.settings, secret_access_key="revoked"))
    assert (await bucket.create("b", b"")).answer is Answer.REFUSED
    with pytest.raises(BucketRefused):
        await bucket.read("a")
    bucket.renew(store.settings)
    assert await bucket.read("a") == b"before"
    await bucket.close()


async def test_a_bucket_that_does_not_exist_is_refused(store: S3Store) -> None:
    settings = msgspec.structs.replace(store.settings, bucket="no-such-bucket")
    bucket = await open_bucket("s3://no-such-bucket/some/prefix", settings)
    assert (await bucket.create("a", b"")).answer is Answer.REFUSED
    with pytest.raises(BucketRefused):
        await bucket.read("a")
    with pytest.raises(BucketRefused):
        await bucket.list_objects("")
    with pytest.raises(BucketMissing, match="does not exist"):
        await bucket.now()
    await bucket.close()


async def test_a_large_upload_is_one_object_of_several_parts(
    store: S3Store, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * (4096 * 21))
    bucket = await store.connect()
    await bucket.upload("up", source)
    with store.server.client() as client:
        found = client.head_object(Bucket=store.name, Key="some/prefix/up")
    assert found["ContentLength"] == 21 << 20
    assert found["ETag"].strip('"').endswith("-3")
    await bucket.close()


async def test_a_few_parts_are_in_flight_at_a_time(
    store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = await store.connect()
    assert isinstance(bucket, S3Bucket)
    really, in_flight, seen = bucket._clients.data.upload_part, set[int](), list[int]()

    async def slowly(PartNumber: int, **options: object) -> dict[str, object]:
        in_flight.add(PartNumber)
        seen.append(len(in_flight))
        await asyncio.sleep(0.05)
        answer: dict[str, object] = await really(PartNumber=PartNumber, **options)
        in_flight.remove(PartNumber)
        return answer

    monkeypatch.setattr(bucket._clients.data, "upload_part", slowly)
    with (tmp_path / "source").open("wb") as file:
        file.truncate(96 << 20)
    await bucket.upload("up", tmp_path / "source")
    assert len(seen) == 12
    assert max(seen) == 4
    await bucket.close()


async def test_the_environment_and_the_files_of_aws_are_not_asked(
    store: S3Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[default]\nregion = mars\nendpoint_url = http://x.invalid\n")
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://x.invalid")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "wrong")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    bucket = await store.connect()
    assert (await bucket.create("a", b"")).answer is Answer.CREATED
    await bucket.close()


async def test_without_an_endpoint_the_store_is_amazons_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://x.invalid")
    settings = S3Settings(
        bucket="bucket", region="eu-west-1", access_key_id="id", secret_access_key="secret"
    )
    bucket = await open_bucket("s3://bucket", settings)
    assert isinstance(bucket, S3Bucket)
    for client in (bucket._clients.once, bucket._clients.data):
        assert client.meta.endpoint_url == "https://s3.eu-west-1.amazonaws.com"
    await bucket.close()


async def test_what_a_store_acknowledged_survives_its_crash(crashable_s3: Radosgw) -> None:
    store = S3Store(crashable_s3.server)
    bucket = await store.connect()
    acknowledged = [f"k/{number}" for number in range(20)]
    for key in acknowledged:
        assert (await bucket.create(key, key.encode())).answer is Answer.CREATED
    await asyncio.to_thread(crashable_s3.kill)
    assert (await bucket.create("k/down", b"")).answer is Answer.UNKNOWN
    await asyncio.to_thread(crashable_s3.start)
    assert await store.bodies() == {key: key.encode() for key in acknowledged}
    assert (await bucket.create("k/0", b"")).answer is Answer.EXISTS
    await bucket.close()


async def test_without_credentials_nothing_is_asked_for_them(store: S3Store) -> None:
    nobody = msgspec.structs.replace(store.settings, access_key_id=None, secret_access_key=None)
    with pytest.raises(ValueError, match="no S3 credentials"):
        await open_bucket(store.url, nobody)


@pytest.mark.parametrize("keys", [["b", "a"], ["a", "a"], ["other"], ["a-after", "a"]])
async def test_a_store_that_lists_out_of_order_is_broken(
    store: S3Store, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = await store.connect()
    assert isinstance(bucket, S3Bucket)
    entries = [
        {"Key": f"some/prefix/{key}", "Size": 0, "LastModified": datetime.now(UTC)} for key in keys
    ]

    async def unordered(**_: object) -> dict[str, object]:
        return {"Contents": entries, "IsTruncated": False}

    monkeypatch.setattr(bucket._clients.data, "list_objects_v2", unordered)
    prefix = "a" if keys == ["other"] else ""
    with pytest.raises(BucketBroken):
        await bucket.list_objects(prefix)
    await bucket.close()


def test_no_size_needs_more_parts_than_a_store_allows() -> None:
    for size_bytes in (1, 8 << 20, 80 << 30, (80 << 30) + 1, 5 << 40):
        assert -(-size_bytes // part_size(size_bytes)) <= 10_000
