"""What a query may read, without a journal: objects by their blobs, through the real reader."""

from journal.block_hashes import hashed
from journal.bucket.errors import ObjectMissing
from journal.bucket.port import Bucket
from lakehouse.commit.faults import KNOWN, refusal
from lakehouse.objects.block_cache import BlockCache
from lakehouse.objects.damage import ObjectDamaged
from lakehouse.objects.extents import BlocksReady, BlocksWanted, BytesReady, ReadFailed, object_url
from lakehouse.objects.object_reader import ObjectReader
from projections.inventory import Stored


class ObjectSourceOf:
    """Objects that a test stores in a bucket."""

    def __init__(self, bucket: Bucket, cache: BlockCache | None = None) -> None:
        self.bucket = bucket
        self.reader = ObjectReader(bucket, cache)
        self.wanted: list[BlocksWanted] = []
        self.used_blobs: set[str] = set()
        self._versions: dict[str, Stored] = {}

    async def put(self, name: str, body: bytes) -> str:
        """Store an object; what DuckDB opens."""
        done = hashed(body)
        blob = f"objects/{done.sha256}-0193aaaa-0-{name}"
        await self.bucket.upload(blob, body)
        self._versions[blob] = Stored(
            name, blob, len(body), done.sha256, None, None, "", 1, done.block_hashes
        )
        return object_url(blob, len(body))

    async def blocks(self, wanted: BlocksWanted) -> BlocksReady | BytesReady | ReadFailed:
        self.wanted.append(wanted)
        version = self._versions.get(wanted.blob)
        if version is None:
            return ReadFailed(wanted.number, "object_lost", "the query names no such object")
        try:
            return await self.reader.answer(version, wanted)
        except ObjectDamaged as error:
            return ReadFailed(wanted.number, "object_damaged", str(error))
        except ObjectMissing:
            return ReadFailed(wanted.number, "object_lost", f"object {version.key} is absent")
        except KNOWN as error:
            refused = refusal(error)
            return ReadFailed(wanted.number, refused.code, refused.detail)

    def used(self, blobs: tuple[str, ...]) -> None:
        self.used_blobs.update(blobs)
