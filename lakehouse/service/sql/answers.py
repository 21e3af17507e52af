"""The results of queries: from a worker, or from the cache while they are current.

Owns which results are cached. Must never return a cached result that would differ if the query ran now.
"""

from collections.abc import AsyncIterator
from importlib.metadata import version

import msgspec

from lakehouse.api.audit.entries import AuditRead
from lakehouse.commit.node import Node
from lakehouse.query.engine import Query, Result
from lakehouse.query.relations import RelationName, parse_relation
from lakehouse.query.result_cache import CachedResult, ResultCache, Versions, identity_of
from lakehouse.query.wire.messages import Reads
from lakehouse.service.sql.fixed_relations import FixedRelation, FixedRelations, fixed
from lakehouse.service.sql.queries import QueryRecord
from lakehouse.system.view_table import SYSTEM_VIEWS
from projections.fold import State

HIT, MISS, BYPASS = "hit", "fwd=miss", "fwd=bypass"
"""What the cache did, in the terms of RFC 9211."""


class Answer:
    """A result that is being sent. `identity` is a hash of the statement and the versions that it read,
    None if those are not known.

    `body` is the complete result if it was cached or is small; `chunks` yields it in any case.
    """

    def __init__(
        self, seq: int, identity: str | None, cache: str, chunks: AsyncIterator[bytes]
    ) -> None:
        self.seq = seq
        self.identity = identity
        self.cache = cache
        self.reads: tuple[AuditRead, ...] = ()
        """The relations that were read, bases of views included, and their versions."""
        self.record: QueryRecord | None = None
        self.body: bytes | None = None
        self.chunks = chunks
        """The document, to be read once. Raises RefusedError when the query fails midway."""

    @property
    def row_count(self) -> int | None:
        """The number of rows, once all are there."""
        return self.record.rows if self.record is not None else None


class Answers:
    """Makes the answers of one node's queries, and caches those that may be cached."""

    def __init__(self, node: Node, max_bytes: int) -> None:
        self.moments = FixedRelations()
        """The relations of past moments that statements named, stored when they are resolved."""
        self._cache = ResultCache(max_bytes)
        self._node = node
        self._made_by = (version("lakehouse"), version("duckdb"), version("pyarrow"))

    def forget(self) -> None:
        """Forget every result: rows that some of them hold were erased."""
        self._cache.clear()
        self.moments.clear()

    def identity(self, query: Query, state: State, scope: str) -> str | None:
        """The identity of the result, if the statement has run before and its result has one.

        `scope`: what decides which relations the caller sees.
        """
        reads = self._cache.reads(query.sql)
        return self._identity(query, state, reads, scope) if reads else None

    def question(self, query: Query, scope: str) -> str:
        """The request without the state that it reads."""
        return identity_of(self._asked(query, scope), query.params, None)

    def likely(self, sql: str) -> Reads | None:
        """What the statement probably reads: of datasets those as of its own moment."""
        reads = self._cache.likely(sql)
        if reads is None or not reads.names:
            return reads
        return msgspec.structs.replace(reads, names=frozenset(filter(_is_plain, reads.names)))

    def cached(
        self, query: Query, state: State, identity: str | None, record: QueryRecord
    ) -> Answer | None:
        """The answer with that identity, if it is cached."""
        found = self._cache.get(identity) if identity else None
        if found is None:
            return None
        record.rows, record.size_bytes, record.cached = found.row_count, len(found.body), True
        answer = Answer(state.head.seq, identity, HIT, _once(found.body))
        if (reads := self._cache.reads(query.sql)) is not None:
            answer.reads = self._relations(state, reads)
        answer.body = found.body
        answer.record = record
        return answer

    def computed(
        self,
        query: Query,
        state: State,
        result: Result,
        record: QueryRecord,
        scope: str,
        question: str = "",
        *,
        cacheable: bool = True,
    ) -> Answer:
        """The answer of a worker; cached if it is complete, small and the query is deterministic.

        `question`: of a query of the present state, whose earlier result is then outdated.
        """
        if cacheable:
            self._cache.learn(query.sql, result.reads)
        identity = self._identity(query, state, result.reads, scope) if cacheable else None
        cache = MISS if identity else BYPASS
        if result.body is None:
            chunks = self._streamed(result, record, identity, state.inventory.erased_at, question)
            answer = Answer(state.head.seq, identity, cache, chunks)
        else:
            erased_at = state.inventory.erased_at
            self._note(result, record, identity, result.body, erased_at, question)
            answer = Answer(state.head.seq, identity, cache, _once(result.body))
            answer.body = result.body
        answer.record = record
        answer.reads = self._relations(state, result.reads)
        return answer

    def _note(
        self,
        result: Result,
        record: QueryRecord,
        identity: str | None,
        body: bytes | None,
        erased_at: int,
        question: str,
    ) -> None:
        """Record that the result is complete; `body` is None if it is too large to be cached.

        A result from before an erasure, of which `erased_at` tells, is not cached after it.
        """
        record.rows = result.row_count
        if body is not None:
            record.size_bytes = len(body)
        if identity and body is not None and erased_at == self._node.state.inventory.erased_at:
            self._cache.put(identity, CachedResult(body, result.row_count, question))

    async def _streamed(
        self,
        result: Result,
        record: QueryRecord,
        identity: str | None,
        erased_at: int,
        question: str,
    ) -> AsyncIterator[bytes]:
        gathered: list[bytes] | None = [] if identity else None
        async for chunk in result.chunks:
            record.size_bytes += len(chunk)
            if gathered is not None:
                gathered.append(chunk)
                if record.size_bytes > self._cache.largest_bytes:
                    gathered = None
            yield chunk
        body = None if gathered is None else b"".join(gathered)
        self._note(result, record, identity, body, erased_at, question)

    def _relations(self, state: State, reads: Reads) -> tuple[AuditRead, ...]:
        """What is read, for the audit: by the names that a statement would use."""
        found: dict[str, AuditRead] = {}
        for name in sorted(reads.names):
            relation = parse_relation(name)
            shown = f"lake.{relation.name}" if relation.system else relation.name
            if relation.moment is not None:
                shown = f"{shown}@{relation.moment}"
            fixed = _fixed(relation, state) if relation.moment is None else self.moments.get(name)
            found[shown] = AuditRead(shown, fixed.seq if fixed else None)
        return tuple(found.values())

    def _identity(self, query: Query, state: State, reads: Reads, scope: str) -> str | None:
        versions = _versions(state, self._node.state, reads, self.moments)
        if versions is None or not reads.deterministic:
            return None
        return identity_of(self._asked(query, scope), query.params, versions)

    def _asked(self, query: Query, scope: str) -> tuple[str, ...]:
        lake = self._node.follower.journal.lake.lake
        return (*self._made_by, lake, scope, query.sql, query.format)


def _versions(state: State, now: State, reads: Reads, moments: FixedRelations) -> Versions | None:
    """The event that last changed each relation that is read; None where that is not known."""
    versions: dict[str, int | tuple[int, int]] = {"": state.head.seq} if reads.listing else {}
    for name in reads.names:
        relation = parse_relation(name)
        if relation.system and not SYSTEM_VIEWS[relation.name].cacheable:
            return None
        found = _fixed(relation, state) if relation.moment is None else moments.get(name)
        if found is None or _is_lost(now, found.blobs):
            return None  # a mark is final: an object that may be absent from the bucket is not read
        versions[name] = found.version
    return versions


def _fixed(relation: RelationName, state: State) -> FixedRelation:
    dataset = None if relation.system else state.catalog.datasets.get(relation.name)
    view = None if relation.system else state.catalog.views.get(relation.name)
    if view is not None:
        return FixedRelation(view.seq)
    return fixed(state, dataset)


def _is_lost(now: State, blobs: tuple[str, ...]) -> bool:
    known, marked = now.inventory.blobs, now.inventory.marked
    return any(blob not in known or blob in marked for blob in blobs)


def _is_plain(name: str) -> bool:
    relation = parse_relation(name)
    return not relation.system and relation.moment is None


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
