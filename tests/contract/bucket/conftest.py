"""The bucket under test, once for each adapter."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bucket_stores import LocalStore, MemoryStore, S3Store, Store

from journal.bucket.port import Bucket


@pytest.fixture(params=["memory", "local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "s3":
        return S3Store(request.getfixturevalue("s3_server"))
    return LocalStore(tmp_path / "bucket") if request.param == "local" else MemoryStore()


@pytest.fixture
def shared_store(store: Store) -> LocalStore | S3Store:
    """A store that several processes can share: asks for indirect parameters local and s3."""
    assert not isinstance(store, MemoryStore)
    return store


@pytest.fixture
async def bucket(store: Store) -> AsyncIterator[Bucket]:
    bucket = await store.connect()
    yield bucket
    await bucket.close()
