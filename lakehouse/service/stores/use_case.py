"""Stores: put, shown, examined and dropped. For admins.

Must never write into a place that another store, or a journal, has; nor keep or show a credential.
"""

import hashlib
import re

from journal.bucket.errors import BucketError
from journal.bucket.opening import directory_of, parse_s3_url
from journal.bucket.port import Bucket
from journal.bucket.removal import remove
from journal.bucket.s3.settings import S3Settings
from journal.clock import random_name, uuid7
from journal.log import holds_lake
from journal.store_events import MAIN
from lakehouse.admin.doctor.examination import examine, verdict_on
from lakehouse.admin.doctor.finding import ProbeResult
from lakehouse.admin.doctor.site import Site
from lakehouse.api.administration import Promise
from lakehouse.api.stores import (
    PutStoreRequest,
    Store,
    StoreDropped,
    StoreExamination,
    StoreList,
)
from lakehouse.api.versioned import Versioned
from lakehouse.commit import faults
from lakehouse.commit.node import Node
from lakehouse.domain.decide import judge
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.stores.commands import DropStore, PutStore
from lakehouse.domain.stores.rules import no_store
from lakehouse.objects.stores.marker import Mark, main_mark, put_mark
from lakehouse.objects.stores.open_stores import OpenStores
from lakehouse.service.access.permissions import require_admin
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, settle
from projections import stores
from projections.fold import State

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_ROUTES = ("copy", "move", "doctor")
"""What follows /v1/stores/ in other routes."""


class StoreCatalog:
    """The stores of one node's lake."""

    def __init__(self, node: Node, opened: OpenStores) -> None:
        self._node = node
        self._opened = opened

    async def put(
        self, caller: Caller, id_: str, request: PutStoreRequest, payload: bytes = b""
    ) -> Versioned[Store]:
        """Make a store, or change the credentials of one; its place is examined first.

        Raises RefusedError: `forbidden`, `invalid_name`, `invalid_request`, `store_taken`, `store_in_use`,
        `store_unfit`, `store_unavailable`, and what settle raises.
        """
        require_admin(self._node, caller)
        check_store(id_)
        url = checked_url(request.url)
        if request.credentials is not None:
            check_store(request.credentials)
        access = self._opened.access
        try:
            place = access.place(url, request.credentials)
            main_place = access.place(self._node.bucket.url, None)
            command = PutStore(id_, url, request.credentials, place, main_place)
            if isinstance(refused := judge(self._node.state, command), Refused):
                raise RefusedError(refused)
            bucket, s3 = await access.open(url, request.credentials, create=True)
            try:
                await self._claim(id_, bucket, s3)
            finally:
                await bucket.close()
        except BucketError as error:
            raise RefusedError(_unavailable(id_, error)) from error
        settled = await settle(self._node, command, caller, hashlib.sha256(payload).hexdigest())
        return Versioned(self._store(settled.state, id_), settled.seq)

    async def show(self, caller: Caller, id_: str) -> Versioned[Store]:
        """A store. Raises RefusedError `forbidden`, `store_not_found`."""
        require_admin(self._node, caller)
        state = self._node.state
        return Versioned(self._store(state, id_), state.head.seq)

    async def list_all(self, caller: Caller) -> Versioned[StoreList]:
        """All stores by id, `main` included. Raises RefusedError `forbidden`."""
        require_admin(self._node, caller)
        state = self._node.state
        rows = [self._store(state, id_) for id_ in sorted({MAIN, *state.stores.stores})]
        return Versioned(StoreList(rows, state.head.seq), state.head.seq)

    async def drop(self, caller: Caller, id_: str) -> Versioned[StoreDropped]:
        """Drop a store that holds no copy.

        Raises RefusedError: `forbidden`, `store_not_found`, `store_in_use`.
        """
        require_admin(self._node, caller)
        settled = await settle(self._node, DropStore(id_), caller, NOTHING_SHA256)
        return Versioned(StoreDropped(id_, settled.seq), settled.seq)

    async def doctor(self, caller: Caller, id_: str) -> Versioned[StoreExamination]:
        """Examine the place of a store as `lakehouse doctor` does that of the main one.

        Raises RefusedError: `forbidden`, `store_not_found`, `store_unavailable`.
        """
        require_admin(self._node, caller)
        state = self._node.state
        defined = state.stores.stores.get(id_)
        if defined is None and id_ != MAIN:
            raise RefusedError(no_store(id_))
        try:
            await self._opened.at(id_)
            url = defined.url if defined else self._node.bucket.url
            credentials = defined.credentials if defined else None
            bucket, s3 = await self._opened.access.open(url, credentials)
        except BucketError as error:
            raise RefusedError(_unavailable(id_, error)) from error
        try:
            found, left = await self._examined(bucket, s3)
        finally:
            await bucket.close()
        promises = [Promise(f.promise, f.verdict.name.lower(), f.why, f.code) for f in found]
        fit = verdict_on(bucket.url, found) is None
        seq = state.head.seq
        return Versioned(StoreExamination(id_, fit, promises, left, seq), seq)

    async def _claim(self, id_: str, bucket: Bucket, s3: S3Settings | None) -> None:
        """Examine the place and put the store's mark there. Raises RefusedError, BucketError."""
        if await holds_lake(bucket):
            detail = f"{bucket.url} holds a journal; a store has a prefix of its own"
            raise RefusedError(Refused("store_taken", detail))
        found, _ = await self._examined(bucket, s3)
        if refused := verdict_on(bucket.url, found):
            raise RefusedError(refused)
        lake = self._node.follower.journal.lake.lake
        made = await main_mark(self._opened.main, lake, random_name(self._node.chance, 24))
        mark = Mark(id_, made.main if made else "")
        there = await put_mark(bucket, lake, mark)
        if there.main != mark.main:
            detail = f"{bucket.url} belongs to a lake of which this one is a copy"
            raise RefusedError(Refused("store_taken", detail))
        if there.store != id_:
            detail = f"{bucket.url} is the place of the store {there.store}, under another name"
            raise RefusedError(Refused("store_taken", detail))

    async def _examined(
        self, bucket: Bucket, s3: S3Settings | None
    ) -> tuple[list[ProbeResult], list[str]]:
        node = self._node
        site = Site(bucket, s3, node.clock, uuid7(node.clock.now(), node.chance))
        try:
            found = [finding async for finding in examine(site)]
        finally:
            left = await remove(bucket.url, s3, site.keys)
        return found, left

    def _store(self, state: State, id_: str) -> Store:
        """Raises RefusedError `store_not_found`."""
        defined = state.stores.stores.get(id_)
        if defined is None and id_ != MAIN:
            raise RefusedError(no_store(id_))
        blobs = state.inventory.blobs
        count, size_bytes, released = stores.contents(state.stores, blobs, id_)
        if defined is None:
            return Store(MAIN, self._node.bucket.url, None, count, size_bytes, released, None, None)
        return Store(
            *(id_, defined.url, defined.credentials, count, size_bytes, released),
            *(defined.created_at, defined.seq),
        )


def check_store(id_: str) -> None:
    """Raises RefusedError `invalid_name` for what cannot be the id of a store."""
    if not _ID.fullmatch(id_) or id_ in _ROUTES:
        detail = "an id of a store, or of its credentials, has 1 to 63 of a-z, 0-9, _ and -"
        detail += f"; {', '.join(_ROUTES)} are none"
        raise RefusedError(Refused("invalid_name", detail))


def checked_url(url: str) -> str:
    """The URL in one spelling. Raises RefusedError `invalid_request`; the detail does not repeat it."""
    try:
        if url.startswith("s3://"):
            bucket, prefix = parse_s3_url(url)
            return f"s3://{bucket}/{prefix}".removesuffix("/")
        directory = directory_of(url)
        if url.startswith("memory:") or not directory.is_absolute():
            raise ValueError("a store is s3://name[/prefix] or file:///directory")
        return directory.as_uri()
    except ValueError as error:
        detail = f"`url`: {error}; credentials stand in the secrets file"
        raise RefusedError(Refused("invalid_request", detail)) from error


def _unavailable(id_: str, error: BucketError) -> Refused:
    refused = faults.refusal(error)
    if refused.code in ("bucket_unavailable", "store_unavailable"):
        return Refused("store_unavailable", f"{id_}: {error}")
    return Refused(refused.code, f"{id_}: {refused.detail}")
