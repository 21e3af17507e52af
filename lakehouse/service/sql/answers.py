"""Results of queries: from a worker, or from the cache if that is proven current."""

from collections.abc import AsyncIterator
from importlib.metadata import version

from lakehouse.commit.node import Node
from lakehouse.query.engine import Query, Result
from lakehouse.query.messages import Reads
from lakehouse.query.relations import Wanted, wanted
from lakehouse.query.result_cache import CachedResult, ResultCache, Versions, identity_of
from lakehouse.service.sql.fixed_relations import FixedRelation, FixedRelations
from lakehouse.service.sql.queries import Entry
from projections.fold import State

HIT, MISS, BYPASS = "hit", "fwd=miss", "fwd=bypass"
"""What the cache did, in the words of RFC 9211."""


_NEVER = ("queries", "quarantine", "rejections")
"""System views whose results are not cached: two change by themselves, rows of the other may be collected."""


class Answer:
    """A result that is being sent. `identity` names the statement and the versions that it follows from,
    None if they cannot be named.

    `body` is the whole of it if it was cached or is small; `chunks` has it in any case.
    """

    def __init__(
        self, seq: int, identity: str | None, cache: str, chunks: AsyncIterator[bytes]
    ) -> None:
        self.seq = seq
        self.identity = identity
        self.cache = cache
        self.body: bytes | None = None
        self.chunks = chunks
        """The document, to be read once. Raises RefusedError when the query fails midway."""


class Answers:
    """Makes the answers of one node's queries, and caches those that may be cached."""

    def __init__(self, node: Node, max_bytes: int) -> None:
        self.moments = FixedRelations()
        """The relations at moments of their own that statements named, stored when they are resolved."""
        self._cache = ResultCache(max_bytes)
        self._node = node
        self._made_by = (version("lakehouse"), version("duckdb"), version("pyarrow"))

    def identity(self, query: Query, state: State) -> str | None:
        """The identity of the query's result, if the statement was run before and has one."""
        reads = self._cache.reads(query.sql)
        return self._identity(query, state, reads) if reads else None

    def likely(self, query: Query) -> frozenset[str]:
        """The datasets that the query probably reads, at its own moment."""
        return frozenset(name for name in self._cache.likely(query.sql) if _is_plain(name))

    def kept(self, identity: str | None, seq: int, entry: Entry) -> Answer | None:
        """The answer with that identity, if it is cached."""
        found = self._cache.get(identity) if identity else None
        if found is None:
            return None
        entry.rows, entry.size_bytes, entry.cached = found.row_count, len(found.body), True
        answer = Answer(seq, identity, HIT, _once(found.body))
        answer.body = found.body
        return answer

    def fresh(
        self, query: Query, state: State, result: Result, entry: Entry, *, keeps: bool = True
    ) -> Answer:
        """The answer of a worker; cached if it is whole, small and would be the same again."""
        if keeps:
            self._cache.learn(query.sql, result.reads)
        identity = self._identity(query, state, result.reads) if keeps else None
        cache = MISS if identity else BYPASS
        if result.body is None:
            chunks = self._passing(result, entry, identity)
            return Answer(state.head.seq, identity, cache, chunks)
        self._note(result, entry, identity, result.body)
        answer = Answer(state.head.seq, identity, cache, _once(result.body))
        answer.body = result.body
        return answer

    def _note(self, result: Result, entry: Entry, identity: str | None, body: bytes | None) -> None:
        """The result is complete: `body`, None if that is too large to be cached."""
        entry.rows = result.row_count
        if body is not None:
            entry.size_bytes = len(body)
        if identity and body is not None:
            self._cache.put(identity, CachedResult(body, result.row_count))

    async def _passing(
        self, result: Result, entry: Entry, identity: str | None
    ) -> AsyncIterator[bytes]:
        gathered: list[bytes] | None = [] if identity else None
        async for chunk in result.chunks:
            entry.size_bytes += len(chunk)
            if gathered is not None:
                gathered.append(chunk)
                if entry.size_bytes > self._cache.largest_bytes:
                    gathered = None
            yield chunk
        self._note(result, entry, identity, None if gathered is None else b"".join(gathered))

    def _identity(self, query: Query, state: State, reads: Reads) -> str | None:
        versions = _versions(state, self._node.state, reads, self.moments)
        if versions is None or not reads.deterministic:
            return None
        lake = self._node.follower.journal.lake.lake
        return identity_of((*self._made_by, lake, query.sql, query.format), query.params, versions)


def _versions(state: State, now: State, reads: Reads, moments: FixedRelations) -> Versions | None:
    """The event that last changed each relation that is read; None where that is not known."""
    versions = {"": state.head.seq} if reads.listing else {}
    for name in reads.names:
        relation = wanted(name)
        if relation.system and relation.name in _NEVER:
            return None
        fixed = _fixed(relation, state) if relation.moment is None else moments.get(name)
        if fixed is None or _is_lost(now, fixed.blobs):
            return None  # a mark is final: what may be gone from the bucket is gone from here
        versions[name] = fixed.seq
    return versions


def _fixed(relation: Wanted, state: State) -> FixedRelation:
    dataset = None if relation.system else state.catalog.datasets.get(relation.name)
    view = None if relation.system else state.catalog.views.get(relation.name)
    if view is not None:
        return FixedRelation(view.seq)
    if dataset is None:
        return FixedRelation(state.head.seq)
    return FixedRelation(dataset.seq, tuple(item.blob for item in dataset.objects))


def _is_lost(now: State, blobs: tuple[str, ...]) -> bool:
    known, marked = now.inventory.blobs, now.inventory.marked
    return any(blob not in known or blob in marked for blob in blobs)


def _is_plain(name: str) -> bool:
    relation = wanted(name)
    return not relation.system and relation.moment is None


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
