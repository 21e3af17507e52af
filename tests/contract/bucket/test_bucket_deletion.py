"""How blobs, and nothing else, leave a bucket. One suite for all adapters."""

from datetime import timedelta

import pytest
from bucket_stores import S3Store, Store

from journal.bucket.errors import ObjectMissing
from journal.bucket.port import Bucket


def blob(name: str, lake: str = "0193aaaa") -> str:
    return f"objects/{name.encode().hex().ljust(64, '0')}-{lake}-7-r"


async def test_blobs_are_deleted_by_exact_key_and_absent_ones_are_answered_too(
    store: Store, bucket: Bucket
) -> None:
    dataset = f"datasets/t/{'0' * 64}/{'1' * 64}-0193aaaa-7-r.parquet"
    kept = [blob("kept"), "user/key", "_journal/slots/00000000000000000001.ndjson"]
    for key in (blob("a"), dataset, *kept):
        await bucket.create(key, b"x")
    asked = [blob("a"), blob("absent"), dataset]
    assert await bucket.delete_blobs(asked) == asked
    assert await bucket.delete_blobs([]) == []
    assert (await store.bodies()).keys() == set(kept)
    assert [each.key for each in await bucket.list_objects("objects/")] == [blob("kept")]
    with pytest.raises(ObjectMissing):
        await bucket.read(blob("a"))


async def test_a_thousand_blobs_go_at_once(store: Store, bucket: Bucket) -> None:
    names = [blob(f"{number:04d}") for number in range(1_000)]
    for key in names[:20]:
        await bucket.create(key, b"")
    assert await bucket.delete_blobs(names) == names
    assert await store.bodies() == {}
    with pytest.raises(ValueError, match="1,001 keys"):
        await bucket.delete_blobs([*names, blob("more")])


@pytest.mark.parametrize(
    "key",
    [
        "_journal/slots/00000000000000000001.ndjson",
        "_journal/lake.json",
        "_doctor/condition",
        "user/key",
        "objects/plain",
        blob("a") + "/../../lake.json",
        "x\n" + blob("a"),
        "",
    ],
)
async def test_nothing_but_a_blob_can_be_deleted(store: Store, bucket: Bucket, key: str) -> None:
    await bucket.create(blob("a"), b"x")
    await bucket.create("user/key", b"x")
    before = await store.bodies()
    with pytest.raises(ValueError, match="only blobs"):
        await bucket.delete_blobs([blob("a"), key])
    assert await store.bodies() == before


@pytest.mark.parametrize("store", ["s3"], indirect=True)
async def test_uploads_that_were_never_finished_are_aborted_if_they_are_ours_and_old(
    store: Store, bucket: Bucket
) -> None:
    assert isinstance(store, S3Store)
    ours, theirs = blob("a"), blob("a", lake="ffffffff")
    with store.server.client() as client:
        for key in (ours, theirs, "user/key"):
            client.create_multipart_upload(Bucket=store.name, Key=f"{store.prefix}/{key}")
    now = await bucket.now()
    assert await bucket.abort_uploads("0193aaaa", now - timedelta(hours=1)) == []
    assert await bucket.abort_uploads("0193aaaa", now + timedelta(hours=1)) == [ours]
    left = {key.removeprefix(f"{store.prefix}/") for key in store.leftovers()}
    assert left == {theirs, "user/key"}


async def test_a_bucket_that_another_has_open_is_told_as_shared(store: Store) -> None:
    one = await store.connect()
    assert await one.is_shared() == (store.kind == "s3")
    other = await store.connect()
    assert await one.is_shared() == (store.kind != "memory")
    await other.close()
    assert await one.is_shared() == (store.kind == "s3")
    await one.close()


async def test_batches_of_the_audit_can_be_deleted_and_nothing_beside_them(bucket: Bucket) -> None:
    key = "_audit/2026-01-01/0123456789abcdef-00000001.ndjson.zst"
    await bucket.upload(key, b"batch")
    assert await bucket.delete_blobs([key, blob("a")]) == [key, blob("a")]
    assert await bucket.list_objects("_audit/") == []
    for odd in ("_audit/2026-01-01/notes", f"{key}/x", f"../{key}", key.upper()):
        with pytest.raises(ValueError, match="is none"):
            await bucket.delete_blobs([odd])
