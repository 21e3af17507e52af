"""What a worker may read while a query runs: the objects of the query's datasets, and no others."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from builders import blob, given, item, registered, stored

from lakehouse.objects.extents import BlocksReady, BlocksWanted, ReadFailed, object_url
from lakehouse.service.sql.query_objects import QueryObjects
from projections.inventory import Stored

SIZE_BYTES = 10


class Reader:
    """Notes what is read; every object is there."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def prefetch(self, versions: Iterable[Stored]) -> None:
        list(versions)

    async def answer(self, version: Stored, wanted: BlocksWanted) -> BlocksReady:
        self.read.append(version.blob)
        return BlocksReady(wanted.number, ())


def query_objects(reader: Reader) -> QueryObjects:
    objects: Any = SimpleNamespace(reader=reader, drop_collected=lambda: None)
    return QueryObjects(objects)


async def test_a_worker_reads_no_object_of_another_dataset() -> None:
    state = given(
        *map(stored, ("a", "b", "c")),
        registered("asked", item("a"), item("b")),
        registered("other", item("c")),
    )
    reader = Reader()
    objects = query_objects(reader)
    asked = state.catalog.datasets["asked"]

    async def answer(name: str) -> object:
        return await objects.blocks(BlocksWanted(1, blob(name), 0, SIZE_BYTES))

    assert isinstance(await answer("a"), ReadFailed)
    assert objects.urls(state, asked, asked.objects[:1]) == (object_url(blob("a"), SIZE_BYTES),)
    assert await answer("a") == BlocksReady(1, ())
    for other in ("b", "c", "d"):
        failed = await answer(other)
        assert isinstance(failed, ReadFailed)
        assert failed.code == "object_lost"
    objects.urls(state, asked, asked.objects[1:])
    assert await answer("b") == BlocksReady(1, ())
    assert reader.read == [blob("a"), blob("b")]
