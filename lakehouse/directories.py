"""The directories of one process: its spool, its block cache, and what query workers may read."""

import os
import stat
import tempfile
from pathlib import Path

from journal.bucket.keys import LAKE
from journal.bucket.opening import directory_of
from journal.bucket.port import Bucket
from lakehouse.config import ConfigError, Settings
from lakehouse.objects.block_cache import BlockCache
from lakehouse.objects.object_reader import ObjectReader
from lakehouse.objects.stores.open_stores import OpenStores
from lakehouse.query.engine import EngineSettings

MIB = 1024 * 1024


def spool_dir_of(settings: Settings, bucket: Bucket) -> Path:
    if settings.spool_dir is not None:
        path = Path(settings.spool_dir)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path
    if bucket.spool_dir is not None:
        return bucket.spool_dir
    path = Path(tempfile.gettempdir()) / f"lakehouse-spool-{os.geteuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    _check_private(path, "spool_dir")
    return path


def block_cache(settings: Settings, opened: OpenStores, spool_dir: Path) -> BlockCache | None:
    """The cache of the blocks of stores in the network; those in directories are read where they lie."""
    urls = [store.url for store in opened.now.stores.values()]
    is_local = opened.main.local_file(LAKE) is not None and not any(map(_is_remote, urls))
    if is_local or not settings.cache_max_mb:
        return None
    directory = Path(settings.cache_dir) if settings.cache_dir else spool_dir / "cache"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_private(directory, "cache_dir")
    cache = BlockCache(directory.resolve(), settings.cache_max_mb * MIB)
    cache.sweep()
    return cache


def _is_remote(url: str) -> bool:
    return url.startswith("s3://")


def _check_private(path: Path, setting: str) -> None:
    """Refuse a directory that another user can read or owns: its name is predictable."""
    found = path.lstat()
    private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
    if not private or found.st_uid != os.geteuid():
        raise ConfigError(f"{path} is not a private directory of this user; set {setting} to one")


def engine_settings(
    settings: Settings, system_dir: Path, opened: OpenStores, reader: ObjectReader
) -> EngineSettings:
    local = opened.main.local_file(LAKE)
    files = [str(local.path.parents[1])] if local else []
    files += [str(reader.cache.directory)] if reader.cache else []
    urls = [store.url for store in opened.now.stores.values()]
    # A directory that is not there now is read by this process, and its bytes are sent.
    files += [str(directory_of(url).resolve()) for url in urls if not _is_remote(url)]
    return EngineSettings(
        data_prefixes=(f"{system_dir}/",),
        object_directories=tuple(each for each in files if Path(each).is_dir()),
        workers=settings.query_workers,
        max_waiting=settings.query_queue,
        memory_limit_bytes=settings.query_memory_mb * MIB,
        address_space_bytes=settings.query_memory_mb * MIB + 4096 * MIB,
        temp_directory=str(system_dir.parent),
        timeout_s=settings.query_timeout_s,
    )
