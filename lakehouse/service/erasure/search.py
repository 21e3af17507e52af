"""Finds the rows of a condition in the objects of every version: in data by SQL, in quarantine by text.

Each object is judged by the columns that its own version had; a column that it lacks counts as null.
Must never let a value of a row, or a literal of the condition, into an error's text.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa

from journal.column_names import folded
from journal.events import Column, Object
from journal.slot import format_at
from journal.threads import in_thread
from lakehouse.commit.node import Node
from lakehouse.domain.erasure.condition_literals import holds_one, literals, masked
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.option_parsing import parse_options
from lakehouse.formats.quarantine import read_quarantine
from lakehouse.formats.text_encoding import UNDECODABLE
from lakehouse.query.wire.messages import RowSearch
from lakehouse.service.erasure.local_copies import LocalCopies
from lakehouse.service.erasure.versions import Candidate
from lakehouse.service.rows.finder import RowFinder
from projections.catalog import Dataset
from projections.fold import State

AT_ONCE = 256
"""How many objects one query reads, and how many bytes at most unless one object is larger."""
AT_ONCE_BYTES = 512 * 1024 * 1024
_SQL_ERRORS = ("sql_error", "statement_not_allowed")


class RowSearcher:
    """Finds the rows of one condition. `now` is the same time for all objects."""

    def __init__(
        self, node: Node, finder: RowFinder, copies: LocalCopies, name: str, where: str
    ) -> None:
        self._finder = finder
        self._copies = copies
        self._name = name
        self._search = RowSearch(where, format_at(node.clock.now()))
        self._literals = literals(where)
        self._columns: dict[str, Column] = {}
        self._learned: dict[str, tuple[Column, ...]] = {}
        """Blob → its columns, where the journal does not have them."""

    async def judge(self, state: State) -> None:
        """Refuse a condition that cannot be asked of the columns of all versions together.

        Raises RefusedError: `sql_error`, `statement_not_allowed`.
        """
        if self._columns:
            await self._find(state, tuple(self._columns.values()), (), "")

    async def learn(self, state: State, candidates: Iterable[Candidate]) -> None:
        """Add the columns of these candidates to those of all versions. Raises RefusedError."""
        for each in candidates:
            if each.is_quarantine:
                continue
            schema = each.schema or self._learned.get(each.blob)
            if schema is None:
                found = await self._finder.shape(
                    state, version_of(self._name, None, ()), _item(state, each.blob)
                )
                schema = tuple(Column(field.name, str(field.type)) for field in found)
                self._learned[each.blob] = schema
            self._columns |= {folded(column.name): column for column in schema}

    async def rows(
        self, state: State, candidates: Sequence[Candidate]
    ) -> AsyncIterator[tuple[Candidate, pa.Int64Array | None]]:
        """Each candidate with its rows that fulfil the condition, None where it has none.

        Raises RefusedError.
        """
        data = [each for each in candidates if not each.is_quarantine]
        await self.learn(state, data)
        for group in _groups(state, data):
            schema = self._completed(group[0])
            items = tuple(_item(state, each.blob) for each in group)
            found = await self._find(state, schema, items, _version(state, group[0]))
            for each in group:
                yield each, found.get(each.blob)
        for each in candidates:
            if each.is_quarantine:
                yield each, await self._in_quarantine(state, each)

    def _completed(self, candidate: Candidate) -> tuple[Column, ...]:
        """A version's columns, and those that only others have: its objects have nulls there."""
        schema = candidate.schema or self._learned[candidate.blob]
        own = {folded(column.name) for column in schema}
        return schema + tuple(each for name, each in self._columns.items() if name not in own)

    async def _find(
        self,
        state: State,
        schema: tuple[Column, ...] | None,
        items: tuple[Object, ...],
        version: str,
    ) -> dict[str, pa.Int64Array]:
        dataset = version_of(self._name, schema, items)
        try:
            found = await self._finder.find(state, dataset, items, self._search)
            return {blob: rows.array() for blob, rows in found.rows.items()}
        except RefusedError as error:
            raise RefusedError(self._discreet(error.refused, version)) from None

    def _discreet(self, refused: Refused, version: str) -> Refused:
        """The refusal without literals; one that came of reading rows without their values too."""
        if version and refused.code in _SQL_ERRORS:
            detail = (
                f"the condition fails on rows of {version}, whose columns may have other types: "
                "write TRY_CAST(column AS type) in it"
            )
            return Refused(refused.code, detail)
        detail = masked(refused.detail, self._literals)
        return msgspec.structs.replace(refused, detail=detail, errors=())

    async def _in_quarantine(self, state: State, candidate: Candidate) -> pa.Int64Array | None:
        """The records that hold a literal of the condition, whatever it compares it with."""
        async with self._copies.of(state.inventory.blobs[candidate.blob]) as path:
            rows = await in_thread(self._copies.pool, lambda: self._matching(path, candidate))
        return pa.array(rows, pa.int64()) if rows else None

    def _matching(self, path: Path, candidate: Candidate) -> list[int]:
        options = parse_options(list(candidate.options))
        encoding = "utf-8" if isinstance(options, Refused) else options.encoding
        return [
            number
            for number, row in enumerate(read_quarantine(path))
            if holds_one(row.raw.decode(encoding, UNDECODABLE), self._literals)
            or holds_one(row.reason, self._literals)
        ]


def version_of(name: str, schema: tuple[Column, ...] | None, items: tuple[Object, ...]) -> Dataset:
    """A dataset of these objects alone, for reading them."""
    return Dataset("", name, "", schema, items, None, (), (), (), "", "", 0)


def _groups(state: State, candidates: list[Candidate]) -> Iterator[list[Candidate]]:
    """Candidates of one schema at a time, as many as one query reads."""
    by_schema: dict[tuple[Column, ...] | str, list[Candidate]] = {}
    for each in candidates:
        by_schema.setdefault(each.schema or each.blob, []).append(each)
    for same in by_schema.values():
        group, size_bytes = list[Candidate](), 0
        for each in same:
            more_bytes = state.inventory.blobs[each.blob].size_bytes
            full = len(group) == AT_ONCE or size_bytes + more_bytes > AT_ONCE_BYTES
            if group and full:
                yield group
                group, size_bytes = [], 0
            group.append(each)
            size_bytes += more_bytes
        if group:
            yield group


def _item(state: State, blob: str) -> Object:
    stored = state.inventory.blobs[blob]
    return Object(stored.key, blob, stored.size_bytes, stored.sha256, stored.row_count)


def _version(state: State, candidate: Candidate) -> str:
    return f"the version as of event {state.inventory.blobs[candidate.blob].seq}"
