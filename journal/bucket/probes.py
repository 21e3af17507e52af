"""Removes the objects that one run of the doctor stored. Not part of the port, and never to be.

The port has no delete because no slot may ever be deleted. What stands here takes keys below
`_doctor/<run>/` alone and refuses all others, `_doctor/condition` included, before anything is sent.
"""

import asyncio
import contextlib
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from journal.bucket.errors import BucketError, ObjectMissing
from journal.bucket.keys import is_removable_probe
from journal.bucket.local_tree import Tree, translated
from journal.bucket.opening import directory_of
from journal.bucket.s3_settings import S3Settings


async def remove_probes(url: str, s3: S3Settings | None, keys: Sequence[str]) -> list[str]:
    """Remove the probes `keys` from the bucket at `url`; the keys that could not be removed.

    ValueError for any key that is not a probe's: nothing is removed then.
    """
    for key in keys:
        if not is_removable_probe(key):
            raise ValueError(f"{key}: no probe of a run of the doctor")
    if s3 is not None:
        return await _remove_from_s3(s3, keys)
    if url.startswith("memory:"):
        return list(keys)
    return await asyncio.to_thread(_remove_files, directory_of(url), keys)


async def _remove_from_s3(settings: S3Settings, keys: Sequence[str]) -> list[str]:
    # Here and not above: botocore takes 0.4 s to import.
    from journal.bucket import s3_answers, s3_client

    prefix = f"{settings.prefix}/" if settings.prefix else ""
    async with AsyncExitStack() as stack:
        client = (await s3_client.open_clients(settings, stack)).data

        async def remove(key: str) -> bool:
            try:
                with s3_answers.translated(key):
                    await client.delete_object(Bucket=settings.bucket, Key=prefix + key)
            except BucketError:
                return False
            return True

        removed = await asyncio.gather(*map(remove, keys))
    return [key for key, done in zip(keys, removed, strict=True) if not done]


def _remove_files(root: Path, keys: Sequence[str]) -> list[str]:
    try:
        with translated(root.name), contextlib.closing(Tree(root)) as tree:
            left = [key for key in keys if not _unlinked(tree, key)]
            for directory in sorted({parent for key in keys for parent in _parents(key)})[::-1]:
                _remove_empty(tree, directory)
            return left
    except BucketError:
        return list(keys)


def _unlinked(tree: Tree, key: str) -> bool:
    path, _, name = key.rpartition("/")
    try:
        with translated(key), tree.directory(path) as parent:
            os.unlink(name, dir_fd=parent)
    except ObjectMissing:
        return True
    except BucketError:
        return False
    return True


def _parents(key: str) -> list[str]:
    """The directories of a probe, down from its run's."""
    parts = key.split("/")
    return ["/".join(parts[:length]) for length in range(2, len(parts))]


def _remove_empty(tree: Tree, path: str) -> None:
    parent, _, name = path.rpartition("/")
    # An empty directory is no object: one that stays is in nobody's way.
    with contextlib.suppress(BucketError), translated(path), tree.directory(parent) as descriptor:
        os.rmdir(name, dir_fd=descriptor)
