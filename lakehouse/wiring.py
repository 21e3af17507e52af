"""Builds a running service from the settings: chooses the adapters and joins the parts, no more."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from journal.bucket.keys import DATASETS, ICEBERG, OBJECTS
from journal.bucket.memory import MemoryBucket
from journal.bucket.opening import (
    lake_absence,
    open_bucket,
    s3_settings_from_environment,
)
from journal.bucket.port import Bucket
from journal.bucket.s3.read_keys import ReadKeys
from journal.bucket.s3.settings import S3Settings
from journal.clock import Clock, SystemClock, SystemRandomness
from journal.log import Journal, holds_lake
from lakehouse.admin.doctor.start import refuse_unfit
from lakehouse.audit.log import AuditLog
from lakehouse.audit.reading import retention
from lakehouse.commit.delegation.sockets import SocketNetwork
from lakehouse.commit.node import Node
from lakehouse.config import ConfigError, Settings
from lakehouse.directories import block_cache, engine_settings, spool_dir_of
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.parquet import merging
from lakehouse.formats.parquet.rewriting import request
from lakehouse.no_lake import NoLake
from lakehouse.objects.object_reader import ObjectReader
from lakehouse.objects.stores.bucket import StoresBucket
from lakehouse.objects.stores.open_stores import OpenStores
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.process.memory import refuse_huge_pages
from lakehouse.process.process_directory import process_directory, remove_abandoned
from lakehouse.process.rotation import Rotation, running
from lakehouse.process.traced_bucket import TracedBucket
from lakehouse.query.engine import QueryEngine
from lakehouse.query.processes import worker_handle
from lakehouse.secrets_file import load_iceberg_pair, load_secrets
from lakehouse.service.gc.collector import GcWaits
from lakehouse.service.iceberg.vending import NO_VENDING, Issue, Vending, store_settings
from lakehouse.service.ingest.prefetch import PLACES
from lakehouse.service.objects import VerifiedObjects
from lakehouse.service.service import Resources, Service, ServiceLimits
from lakehouse.service.sources.places import SourceStores
from lakehouse.service.streaming.limits import StreamLimits
from lakehouse.store_access import SettingsAccess
from projections.fold import State

if TYPE_CHECKING:
    from lakehouse.service.access.oidc.signed_tokens import SignedTokens

MIB = 1024 * 1024
FORKED_MODULES = (worker_handle.PROGRAM, request.PROGRAM.module, merging.PROGRAM.module)
"""The programs of forked processes, which the fork server imports."""


@asynccontextmanager
async def bucket_of(
    settings: Settings, environ: Mapping[str, str], *, no_lake: NoLake = NoLake.REFUSE
) -> AsyncIterator[tuple[Bucket, S3Settings | None]]:
    """The bucket that the settings name, open; `no_lake` says what to do where it holds no lake.

    Raises ConfigError, BucketError, RefusedError `lake_not_found`.
    """
    try:
        s3 = _s3_settings(settings, environ)
        absence = None if no_lake is NoLake.CREATE else lake_absence(settings.bucket)
        bucket = MemoryBucket() if absence else await open_bucket(settings.bucket, s3)
    except ValueError as error:
        raise ConfigError(f"bucket: {error}") from error
    try:
        if no_lake is NoLake.CREATE or await holds_lake(bucket):
            yield bucket, s3
        elif no_lake is NoLake.EMPTY:
            yield MemoryBucket(), s3
        else:
            detail = f"{settings.bucket}: {absence or 'it holds no lake'}"
            raise RefusedError(Refused("lake_not_found", detail))
    finally:
        await bucket.close()


@asynccontextmanager
async def stores_of(
    settings: Settings, environ: Mapping[str, str], journal: Journal
) -> AsyncIterator[Callable[[State], StoresBucket]]:
    """Makes the bucket that reads the stores of a state of this journal's lake."""
    opened = OpenStores(journal.bucket, SettingsAccess(settings, environ), SystemClock())

    def over(state: State) -> StoresBucket:
        opened.follow(journal.lake.lake, lambda: state.stores)
        return StoresBucket(opened)

    try:
        yield over
    finally:
        await opened.close()


@asynccontextmanager
async def service_of(
    settings: Settings,
    environ: Mapping[str, str],
    failed: Callable[[], None],
    limits: ServiceLimits | None = None,
    *,
    queries: bool = True,
    no_lake: NoLake = NoLake.CREATE,
    probe: bool = False,
) -> AsyncIterator[Service]:
    """A service on the settings' bucket with its tasks running; `failed` is called if one fails.

    Without `queries` no worker process is started and no query may be run. With `probe` a store
    that breaks a promise is refused first (RefusedError `store_unfit`).
    Raises ConfigError, faults.KNOWN, and RefusedError as `bucket_of` does. On exit accepted changes
    are completed first.
    """
    refuse_huge_pages()
    async with AsyncExitStack() as stack:
        bucket, s3 = await stack.enter_async_context(bucket_of(settings, environ, no_lake=no_lake))
        if probe:
            await refuse_unfit(bucket, SystemClock())
        opened = OpenStores(bucket, SettingsAccess(settings, environ), SystemClock())
        over = StoresBucket(opened)
        stack.push_async_callback(over.close)
        traced = TracedBucket(over) if settings.otlp_endpoint else over
        sockets = partial(SocketNetwork, Path(tempfile.gettempdir()) / f"lakehouse-{os.geteuid()}")
        node = await Node.open(traced, SystemClock(), SystemRandomness(), reach=sockets)
        opened.follow(node.follower.journal.lake.lake, lambda: node.state.stores, node.refresh)
        shared_dir = spool_dir_of(settings, bucket).resolve()
        remove_abandoned(shared_dir)
        spool_dir = stack.enter_context(process_directory(shared_dir))
        pool = ThreadPoolExecutor(settings.threads + PLACES, thread_name_prefix="lakehouse")
        stack.callback(pool.shutdown)
        lane = ThreadPoolExecutor(1, thread_name_prefix="small-files")
        stack.callback(lane.shutdown)
        reader = ObjectReader(traced, block_cache(settings, opened, shared_dir), pool, over)
        stack.push_async_callback(reader.close)
        system_dir = spool_dir / "queries" / "system"
        forks = ForkServer(FORKED_MODULES)
        stack.push_async_callback(forks.close)
        files = engine_settings(settings, system_dir, opened, reader)
        engine = QueryEngine(files, forks)
        if queries:
            # Before the workers: the kernel lets them read what is there when they start.
            system_dir.mkdir(mode=0o700, parents=True)
            await engine.start()
        stack.push_async_callback(engine.close)
        if s3 and s3.access_key_id and settings.secrets_file and (queries or probe):
            rotation = _rotation(settings, environ, bucket, s3)
            watching = running(rotation.watch(settings.poll_interval_s), failed)
            await stack.enter_async_context(watching)
        vending = await _vending(settings, environ, bucket, stack, failed)
        node.start(settings.poll_interval_s, failed)
        stack.push_async_callback(node.stop, settings.drain_s)
        audit = AuditLog(bucket, node.clock, node.chance, settings.audit)
        stack.push_async_callback(audit.close, settings.drain_s)
        await stack.enter_async_context(running(audit.run(), failed))
        signed = _signed_tokens(settings, node.clock, stack)
        objects = VerifiedObjects(node, reader)
        store = partial(_s3_settings, settings, environ)
        places = _source_stores(settings, environ, (str(shared_dir), *files.object_directories))
        resources = Resources(
            *(node, engine, forks, objects, pool, lane, spool_dir, system_dir, store, opened),
            places,
        )
        service = Service(resources, limits or _limits(settings), audit, vending, signed)
        stack.push_async_callback(service.upkeep.close)
        stack.push_async_callback(service.sources.close)
        yield service


def _signed_tokens(
    settings: Settings, clock: Clock, stack: AsyncExitStack
) -> "SignedTokens | None":
    """The tokens of the issuer that the settings name. Raises ConfigError."""
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    if find_spec("joserfc") is None:
        raise ConfigError("oidc_issuer: install lakehouse[oidc]")
    from lakehouse.service.access.oidc.signed_tokens import SignedTokens  # of an extra

    signed = SignedTokens(clock, settings.oidc_issuer, settings.oidc_audience, settings.oidc_claim)
    stack.push_async_callback(signed.close)
    return signed


def _limits(settings: Settings) -> ServiceLimits:
    waits = GcWaits(2 * settings.poll_interval_s, settings.query_timeout_s, settings.iceberg_wait_s)
    return ServiceLimits(
        cache_bytes=settings.query_cache_mb * MIB,
        waits=waits,
        compact_objects=settings.compact_objects,
        audit_retention=retention(settings.audit_retention),
        iceberg_writes=settings.iceberg_writes,
        streams=StreamLimits(
            streams=settings.streams,
            group_s=settings.stream_group_s,
            group_bytes=settings.stream_group_kb * 1024,
            idle_s=settings.stream_idle_s,
        ),
    )


def _s3_settings(settings: Settings, environ: Mapping[str, str]) -> S3Settings | None:
    if not settings.bucket.startswith("s3://"):
        return None
    return _store_of(settings, environ, settings.bucket)


def _store_of(settings: Settings, environ: Mapping[str, str], url: str) -> S3Settings:
    secrets, metadata = load_secrets(settings), settings.instance_metadata
    return s3_settings_from_environment(url, environ, secrets, instance_metadata=metadata)


def _source_stores(
    settings: Settings, environ: Mapping[str, str], own: tuple[str, ...]
) -> SourceStores:
    """Where sources may be: in no directory of the lake's `own`. S3 is reached as the lake's bucket is."""
    named = (own, settings.source_directories)
    places = (tuple(Path(each).resolve() for each in paths) for paths in named)
    return SourceStores(partial(_store_of, settings, environ), *places)


def _rotation(
    settings: Settings,
    environ: Mapping[str, str],
    bucket: Bucket,
    current: S3Settings,
) -> Rotation[S3Settings]:
    from journal.bucket.s3.bucket import S3Bucket  # already imported; slow otherwise

    def use(s3: S3Settings) -> None:
        if isinstance(bucket, S3Bucket):
            bucket.renew(s3)

    def read() -> S3Settings:
        found = _s3_settings(settings, environ)
        if found is None or found.access_key_id is None:
            raise ValueError("the secrets file holds no access key any more")
        return found

    return Rotation(read, use, current)


async def _vending(
    settings: Settings,
    environ: Mapping[str, str],
    bucket: Bucket,
    stack: AsyncExitStack,
    failed: Callable[[], None],
) -> Vending:
    """What engines get to read the objects: of a role, of the pair in the secrets file, or no keys.

    Raises ConfigError.
    """
    s3, pair = _s3_settings(settings, environ), _read_pair(settings, bucket)
    if s3 is None:
        return NO_VENDING
    from journal.bucket.s3.bucket import S3Bucket  # already imported; slow otherwise

    if not isinstance(bucket, S3Bucket):
        return NO_VENDING
    issue: Issue | None = None
    if settings.iceberg_role_arn is not None:
        if pair is not None:
            detail = "the secrets file has keys for engines too ([iceberg]); remove one of the two"
            raise ConfigError(f"iceberg_role_arn: {detail}")
        issue = partial(_keys_of_role, settings, environ, settings.iceberg_role_arn)
    elif pair is not None:
        keys = _Pair(pair)
        rotation = Rotation(partial(_read_changed_pair, settings, bucket), keys.use, pair)
        watching = running(rotation.watch(settings.poll_interval_s), failed)
        await stack.enter_async_context(watching)
        issue = keys.issue
    return Vending(store_settings(s3.endpoint_url, bucket.region), SystemClock(), issue)


class _Pair:
    """The pair of the secrets file that is given now."""

    def __init__(self, keys: ReadKeys) -> None:
        self._keys = keys

    def use(self, keys: ReadKeys) -> None:
        self._keys = keys

    async def issue(self, _staging: str | None) -> ReadKeys:
        """The pair. What it can write was decided by who made it."""
        return self._keys


async def _keys_of_role(
    settings: Settings, environ: Mapping[str, str], role_arn: str, staging: str | None
) -> ReadKeys:
    from journal.bucket.s3.role import keys_of_role  # already imported; slow otherwise

    s3 = await asyncio.to_thread(_s3_settings, settings, environ)
    if s3 is None:
        raise ValueError("keys of a role are for a bucket in S3")
    return await keys_of_role(s3, role_arn, (DATASETS, OBJECTS, ICEBERG), staging)


def _read_changed_pair(settings: Settings, bucket: Bucket) -> ReadKeys:
    found = _read_pair(settings, bucket)
    if found is None:
        raise ValueError("the secrets file holds no [iceberg] any more")
    return found


def _read_pair(settings: Settings, bucket: Bucket) -> ReadKeys | None:
    """The pair of the secrets file. Raises ConfigError if it is the server's own."""
    pair = load_iceberg_pair(settings)
    if pair is None:
        return None
    from journal.bucket.s3.bucket import S3Bucket  # already imported; slow otherwise

    if isinstance(bucket, S3Bucket) and bucket.signs_with(pair[0]):
        detail = "[iceberg] holds the server's own keys; engines get keys that can only read"
        raise ConfigError(f"secrets file {settings.secrets_file}: {detail}")
    return ReadKeys(*pair)
