"""From the URI of a source to the place that can be listed, and which places are refused.

Owns the open connections to S3 stores of sources. What holds the lake itself is no source: its objects
would come in as files, and each that came in would be a new one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from journal.bucket.keys import RESERVED
from journal.bucket.opening import directory_of, parse_s3_url
from journal.bucket.s3.settings import S3Settings
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.sources.directory import Directory
from lakehouse.service.sources.entries import Entry, Piece, Place
from lakehouse.service.sources.pattern import Pattern, checked_pattern
from projections.sources import WatchedSource

if TYPE_CHECKING:
    from lakehouse.service.sources.prefix import Prefix

S3 = "s3://"
OWN = (*RESERVED, "_doctor/")
"""Where a lake's bucket holds what is the lake's own."""
MAX_CHARACTERS = 2_048


class SourceStores(msgspec.Struct, frozen=True):
    """What a process may read sources from.

    `settings`: how a bucket in S3 is reached now. `own_directories`: those of the lake and of the
    process. `allowed`: the directories that sources may be in; none given: any.
    """

    settings: Callable[[str], S3Settings]
    own_directories: tuple[Path, ...] = ()
    allowed: tuple[Path, ...] = ()


class Places:
    """The places of one process's sources; `lake` is the URL of the lake's bucket."""

    def __init__(self, stores: SourceStores, lake: str, pool: Executor) -> None:
        self._stores = stores
        self._lake = lake
        self._pool = pool
        self._prefixes: dict[str, Prefix] = {}
        self._opening = asyncio.Lock()

    def of(self, source: WatchedSource) -> Place:
        """The place of a source. Raises RefusedError `invalid_request`."""
        pattern = checked_pattern(source.pattern)
        if source.uri.startswith(S3):
            self._check_prefix(source.uri)
            return _Objects(self, source.uri, pattern)
        return self._directory(source.uri, pattern)

    async def check(self, source: WatchedSource) -> None:
        """Raises RefusedError: `invalid_request`, `source_unavailable` for a directory that is absent."""
        place = self.of(source)
        if isinstance(place, Directory):
            await asyncio.to_thread(place.checked)

    async def prefix(self, uri: str) -> "Prefix":
        """The connection to the prefix of a URI, with the keys of now. Raises RefusedError."""
        from lakehouse.service.sources.prefix import Prefix  # botocore takes 0.4 s to import

        async with self._opening:
            try:
                settings = await asyncio.to_thread(
                    self._stores.settings, f"{S3}{'/'.join(_s3(uri))}"
                )
            except ValueError as error:
                raise RefusedError(Refused("source_unavailable", str(error))) from error
            held = self._prefixes.get(uri)
            if held is not None and held.settings == settings:
                return held
            opened = await Prefix.open(settings)
            self._prefixes[uri] = opened
        if held is not None:
            await held.close()
        return opened

    async def close(self) -> None:
        """Close all connections."""
        while self._prefixes:
            await self._prefixes.popitem()[1].close()

    def _directory(self, uri: str, pattern: Pattern) -> Directory:
        try:
            path = directory_of(uri)
        except ValueError as error:
            raise _refused("use a directory, file:///directory or s3://bucket/prefix/") from error
        if not path.is_absolute():
            raise _refused(
                f"{uri[:128]!r} is not absolute: each process has a directory of its own"
            )
        allowed = self._stores.allowed
        if allowed and not any(path.resolve().is_relative_to(each) for each in allowed):
            raise _refused(f"{uri[:128]!r} is in none of the directories of `source_directories`")
        return Directory(str(path), pattern, self._stores.own_directories, self._pool)

    def _check_prefix(self, uri: str) -> None:
        bucket, prefix = _s3(uri)
        if not self._lake.startswith(S3):
            return
        own_bucket, own_prefix = parse_s3_url(self._lake)
        below = f"{own_prefix}/" if own_prefix else ""
        held = f"{prefix}/" if prefix else ""
        for own in (f"{below}{each}" for each in OWN):
            if bucket == own_bucket and (own.startswith(held) or held.startswith(own)):
                raise _refused(f"{uri[:128]!r} holds the lake itself, or is a part of it")


class _Objects:
    """The objects of a prefix that match a pattern."""

    is_whole = True

    def __init__(self, places: Places, uri: str, pattern: Pattern) -> None:
        self._places = places
        self._uri = uri
        self._pattern = pattern

    async def pieces(self) -> AsyncIterator[Piece]:
        """As `Place.pieces`."""
        prefix = await self._places.prefix(self._uri)
        async for page in prefix.pages(self._pattern):
            yield page

    async def chunks(self, entry: Entry) -> AsyncIterator[bytes]:
        """As `Place.chunks`."""
        prefix = await self._places.prefix(self._uri)
        async for chunk in prefix.chunks(entry):
            yield chunk


def check_uri(uri: str) -> None:
    """Raises RefusedError `invalid_request` for a text that can be no URI."""
    if not uri or len(uri) > MAX_CHARACTERS or not uri.isprintable():
        raise _refused(f"uri has 1 to {MAX_CHARACTERS} characters, without control characters")
    if uri.startswith(S3):
        _s3(uri)


def _s3(uri: str) -> tuple[str, str]:
    try:
        return parse_s3_url(uri)
    except ValueError as error:
        raise _refused(f"{uri[:128]!r} is not s3://bucket/prefix/") from error


def _refused(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", detail))
