"""Checks of a file's rows before they replace others: their keys, or the condition that they must match.

Asks a query worker, in bounded memory, and finds the rows' lines only for a refusal. Must never
read a dataset's rows.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

import msgspec

from lakehouse.api.sql import SqlResult
from lakehouse.domain.errors import Json, Refused, RefusedError
from lakehouse.formats.file_formats import FILE_FORMATS
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.schema import Column
from lakehouse.query.engine import Query, QueryEngine
from lakehouse.query.wire.messages import RowSearch
from lakehouse.service.caller import Caller
from lakehouse.service.ingest.memory import IngestMemory
from lakehouse.service.rows.file_objects import FileObjects
from projections.view_sql.datasets import OBJECT_COLUMN, ROW_COLUMN, View, quoted

NAMED = 100
"""How many keys, or rows, a refusal names."""
ROWS_OF_KEYS = 1_000
"""How many rows with these keys a refusal names."""
KEYS_AT_ONCE = 1_000_000
"""About so many keys are compared at once, which bounds the worker's memory."""
_FILE = "incoming"
_FIRST = "\x01first"
_ROW_BITS = 40
_POSITION = f'(CAST("{OBJECT_COLUMN}" AS BIGINT) << {_ROW_BITS}) + "{ROW_COLUMN}"'
"""Which row it is, as one number: of the file, then in the file."""


class RowChecks:
    """The rows of one file that was read under `request`."""

    def __init__(
        self,
        engine: QueryEngine,
        pool: Executor,
        memory: IngestMemory,
        caller: Caller,
        parsed: Parsed,
        request: ReadRequest,
    ) -> None:
        self._engine = engine
        self._principal = caller.principal or ""
        self._pool = pool
        self._memory = memory
        self._parsed = parsed
        self._request = request
        self._objects = FileObjects(parsed.files, pool)

    async def refuse(self, search: RowSearch) -> None:
        """Raise RefusedError where a row may not take the place of those that `search` finds."""
        if search.key:
            await self.refuse_bad_keys(search.key)
        else:
            await self.refuse_outside(search.where, search.now)

    async def refuse_bad_keys(self, key: Sequence[str]) -> None:
        """Raise RefusedError `null_key` or `duplicate_key` where `key` does not identify each row."""
        if not self._parsed.row_count:
            return
        columns, p = [quoted(name) for name in key], _POSITION
        nulls = " OR ".join(f"{column} IS NULL" for column in columns)
        found = await self._ask(
            key,
            f"SELECT {p} FROM {_FILE} WHERE {nulls} ORDER BY 1 LIMIT {NAMED + 1}",  # noqa: S608
        )
        if found:
            raise RefusedError(await self._null_key(key, [row for (row,) in found]))
        pairs: list[list[int]] = []
        shares = 1 + self._parsed.row_count // KEYS_AT_ONCE
        for share in range(shares):
            pairs += await self._repeated(key, f"hash({', '.join(columns)}) % {shares} = {share}")
        if pairs:
            raise RefusedError(await self._duplicate_key(key, _of_first_keys(pairs)))

    async def _repeated(self, key: Sequence[str], share: str) -> list[list[int]]:
        """Pairs of positions: the first row with a key that several rows have, and each of these.

        `share` is a condition for a part of the keys.
        """
        columns = [quoted(name) for name in key]
        rows = f"(FROM {_FILE} WHERE {share})"
        grouped = f"FROM {rows} GROUP BY {', '.join(columns)} HAVING count(*) > 1"
        if not await self._ask(key, f"SELECT 1 {grouped} LIMIT 1"):
            return []
        first = f'SELECT {", ".join(columns)}, min({_POSITION}) AS "{_FIRST}" {grouped}'
        same = " AND ".join(f"r.{column} = k.{column}" for column in columns)
        return await self._ask(
            key,
            f'SELECT "{_FIRST}", {_POSITION} FROM {rows} r'  # noqa: S608  names are quoted
            f' JOIN ({first} ORDER BY "{_FIRST}" LIMIT {NAMED}) k ON {same}'
            f" ORDER BY ALL LIMIT {ROWS_OF_KEYS}",
        )

    async def refuse_outside(self, where: str, now: str) -> None:
        """Raise RefusedError `outside_where` for rows that do not fulfil the condition.

        Also what is wrong with the condition: `sql_error`, `statement_not_allowed`.
        """
        search = RowSearch(where, now, outside=NAMED + 1)
        found = await self._answer(Query("", rows=search, is_work=True), self._parsed.columns)
        if found:
            rows = [(number << _ROW_BITS) + row for number, row in found]
            raise RefusedError(await self._outside(where, rows))

    async def _ask(self, key: Sequence[str], sql: str) -> list[list[int]]:
        """The rows of a generated statement over the columns of a key."""
        columns = tuple(each for each in self._parsed.columns if each.name in key)
        return await self._answer(Query(sql, is_work=True), columns)

    async def _answer(self, query: Query, columns: tuple[Column, ...]) -> list[list[int]]:
        """The rows of a query whose one relation is the file, with these columns."""
        views = {_FILE: View(_FILE, self._objects.urls, columns, positioned=True)}

        async def resolve(names: frozenset[str] | None) -> Mapping[str, View]:
            return views

        query = msgspec.structs.replace(query, principal=self._principal)
        running = self._engine.run(query, resolve, likely=views, objects=self._objects)
        async with running as result:
            text = b"".join([chunk async for chunk in result.chunks])
        return msgspec.json.decode(text, type=SqlResult).rows

    async def _null_key(self, key: Sequence[str], rows: list[int]) -> Refused:
        what, numbers = await self._numbers(rows[:NAMED])
        names = ", ".join(key)
        errors: list[dict[str, Json]] = [
            {what: number, "reason": f"null in the key ({names})"} for number in numbers
        ]
        shown = _shown(what, numbers, more=len(rows) > NAMED)
        return Refused("null_key", f"{shown}: null in the key ({names})", tuple(errors))

    async def _duplicate_key(self, key: Sequence[str], pairs: list[list[int]]) -> Refused:
        rows = sorted({row for _, row in pairs})
        what, numbers = await self._numbers(rows)
        number_of = dict(zip(rows, numbers, strict=True))
        groups: dict[int, list[int]] = {}
        for first, row in pairs:
            groups.setdefault(first, []).append(number_of[row])
        names = ", ".join(key)
        errors: list[dict[str, Json]] = [
            {what: same[-1], f"{what}s": [*same], "reason": f"the same key ({names})"}
            for same in groups.values()
        ]
        example = next(iter(groups.values()))
        others = f", and {len(groups) - 1} more keys" if len(groups) > 1 else ""
        detail = f"{_shown(what, example, more=False)} have the same key ({names}){others}"
        return Refused("duplicate_key", detail, tuple(errors))

    async def _outside(self, where: str, rows: list[int]) -> Refused:
        what, numbers = await self._numbers(rows[:NAMED])
        errors: list[dict[str, Json]] = [
            {what: number, "reason": "it does not match where"} for number in numbers
        ]
        shown = _shown(what, numbers, more=len(rows) > NAMED)
        return Refused("outside_where", f"{shown}: not in {where!r}"[:1_000], tuple(errors))

    async def _numbers(self, positions: list[int]) -> tuple[str, list[int]]:
        """What the file's format calls a row's position, and those of these rows, ascending."""
        file_format = FILE_FORMATS[self._request.options.format]
        before, starts = 0, list[int]()
        for file in self._parsed.files:
            starts.append(before)
            before += file.row_count
        rows = [starts[each >> _ROW_BITS] + (each & ((1 << _ROW_BITS) - 1)) for each in positions]
        find_rows = file_format.positions()

        def find(request: ReadRequest) -> list[int]:
            return find_rows(request, rows)

        return file_format.position, await self._memory.read(self._pool, find, self._request)


def _of_first_keys(pairs: list[list[int]]) -> list[list[int]]:
    """The pairs of the keys that come first in the file."""
    named = set(sorted({first for first, _ in pairs})[:NAMED])
    return sorted(pair for pair in pairs if pair[0] in named)[:ROWS_OF_KEYS]


def _shown(what: str, numbers: Sequence[int], *, more: bool) -> str:
    """`line 3`, `lines 3 and 7`, `lines 3, 7, 9 and more`."""
    first = [f"{number:,}" for number in numbers[:5]]
    if more or len(numbers) > len(first):
        first.append("more")
    if len(first) == 1:
        return f"{what} {first[0]}"
    return f"{what}s {', '.join(first[:-1])} and {first[-1]}"
