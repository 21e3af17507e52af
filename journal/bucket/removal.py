"""Removes objects that can be rebuilt: the doctor's probes and caches. Never a part of the port.

No slot may ever be deleted. This module accepts only keys below `_doctor/<run>/`, checkpoints and packs.
It refuses all others, `_doctor/condition` included, before it sends anything.
"""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from journal.bucket.errors import BucketError
from journal.bucket.keys import PROBES, is_removable
from journal.bucket.local.tree import Tree, translated
from journal.bucket.local.write import delete
from journal.bucket.opening import directory_of
from journal.bucket.s3.settings import S3Settings


async def remove(url: str, s3: S3Settings | None, keys: Sequence[str]) -> list[str]:
    """Remove `keys` from the bucket at `url`; return those that were not. Absent keys count as removed.

    ValueError for any key that is neither a probe's nor a cache's; then nothing is removed.
    """
    for key in keys:
        if not is_removable(key):
            raise ValueError(f"{key}: neither a probe of a run of the doctor nor a cache")
    if s3 is not None:
        return await _remove_from_s3(s3, keys)
    if url.startswith("memory:"):
        return list(keys)
    return await asyncio.to_thread(_remove_files, directory_of(url), keys)


async def _remove_from_s3(settings: S3Settings, keys: Sequence[str]) -> list[str]:
    # Here and not above: botocore takes 0.4 s to import.
    from journal.bucket.s3 import answers
    from journal.bucket.s3.client import open_clients

    prefix = f"{settings.prefix}/" if settings.prefix else ""
    async with AsyncExitStack() as stack:
        client = (await open_clients(settings, stack)).data

        async def one(key: str) -> bool:
            try:
                with answers.translated(key):
                    await client.delete_object(Bucket=settings.bucket, Key=prefix + key)
            except BucketError:
                return False
            return True

        removed = await asyncio.gather(*map(one, keys))
    return [key for key, done in zip(keys, removed, strict=True) if not done]


def _remove_files(root: Path, keys: Sequence[str]) -> list[str]:
    try:
        with translated(root.name), contextlib.closing(Tree(root)) as tree:
            removed = set(delete(tree, keys))
            for directory in sorted({parent for key in keys for parent in _parents(key)})[::-1]:
                _remove_empty(tree, directory)
            return [key for key in keys if key not in removed]
    except BucketError:
        return list(keys)


def _parents(key: str) -> list[str]:
    """The directories of a probe, down from its run's; those of caches stay."""
    parts = key.split("/") if key.startswith(PROBES) else []
    return ["/".join(parts[:length]) for length in range(2, len(parts))]


def _remove_empty(tree: Tree, path: str) -> None:
    parent, _, name = path.rpartition("/")
    # An empty directory is not an object: it may stay.
    with contextlib.suppress(BucketError), translated(path), tree.directory(parent) as descriptor:
        os.rmdir(name, dir_fd=descriptor)
