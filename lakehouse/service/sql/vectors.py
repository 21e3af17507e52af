"""Nearest rows of a dataset, as a statement with `lake.nearest`: access, limits and cache are those of SQL.

Must never put a text of the request into the statement but as a constant.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lakehouse.api.sql import SqlRequest
from lakehouse.api.vectors import VectorSearchRequest
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.caller import Caller
from lakehouse.service.sql.answers import Answer
from lakehouse.service.sql.use_case import Sql

_MISSING = re.compile(r"Catalog Error: Table with name \S+ (?:does not exist|did not exist at .*)!")


class Vectors:
    """Searches of columns of vectors."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    @asynccontextmanager
    async def search(
        self,
        caller: Caller,
        request: VectorSearchRequest,
        format_: str,
        query_id: str,
        *,
        fresh: bool = False,
    ) -> AsyncIterator[Answer]:
        """The nearest rows, as the result of a statement.

        Raises what `Sql.run` raises, and `dataset_not_found`.
        """
        statement = search_statement(request)
        try:
            async with self._sql.run(caller, statement, format_, query_id, fresh=fresh) as found:
                yield found
        except RefusedError as error:
            raise RefusedError(_explained(request, error.refused)) from error


def _explained(request: VectorSearchRequest, refused: Refused) -> Refused:
    """The refusal of a search, where its dataset is absent: by the code of that."""
    missing = _MISSING.match(refused.detail) if refused.code == "sql_error" else None
    if missing is None:
        return refused
    hint = refused.detail[missing.end() :].partition("\n\nLINE ")[0]
    return Refused("dataset_not_found", f"there is no dataset or view {request.dataset!r}{hint}")


def search_statement(request: VectorSearchRequest) -> SqlRequest:
    """The statement that a search is."""
    options = [f"metric => {_literal(request.metric)}"]
    if request.filter is not None:
        options.append(f"filter => {_literal(request.filter)}")
    if request.columns is not None:
        options.append(f"columns => [{', '.join(map(_literal, request.columns))}]")
    named = f"{_literal(request.dataset)}, {_literal(request.column)}"
    return SqlRequest(
        f"FROM lake.nearest({named}, $vector, {request.k}, {', '.join(options)})",
        {"vector": request.vector},
        as_of=request.as_of,
        timeout_ms=request.timeout_ms,
        format=request.format,
        profile=request.profile,
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
