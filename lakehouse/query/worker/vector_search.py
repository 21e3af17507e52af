"""Checks the calls of `lake.nearest` of a statement whose views are made: columns, types, parameters.

Owns the words of refusals that DuckDB would give for our text and not for the caller's. Must never run
the statement.
"""

import difflib
import re
from collections.abc import Sequence
from typing import Any

import duckdb

from journal.column_names import folded
from lakehouse.api.vectors import MOST_NUMBERS
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.policy.nearest import Search, vector_fault
from lakehouse.query.worker.relations.defined_views import columns_of
from projections.view_sql.datasets import quoted

Cursor = duckdb.DuckDBPyConnection

_NUMBERS = re.compile(
    r"(?:U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\))\[\d*\]|VARCHAR"
)
"""The types of vectors. VARCHAR: from NDJSON an array is a text of JSON."""


def check_searches(cursor: Cursor, searches: Sequence[Search], params: Any) -> None:
    """Raises RefusedError `sql_error` for a call that compares what has no distance."""
    for search in searches:
        _check_column(cursor, search)
        if search.parameter is not None and params is not None:
            _check_parameter(cursor, search, params)


def _check_column(cursor: Cursor, search: Search) -> None:
    called = search.relation.partition("@")[0]
    columns = {
        folded(each.name): each for each in columns_of(cursor, f"main.{quoted(search.relation)}")
    }
    for name in (search.column, *search.columns):
        if folded(name) not in columns:
            near = difflib.get_close_matches(folded(name), columns, n=1, cutoff=0.7)
            hint = f'\nDid you mean "{columns[near[0]].name}"?' if near else ""
            raise _refused(f"{called} has no column {name}{hint}")
    found = columns[folded(search.column)]
    if not _NUMBERS.fullmatch(found.type):
        raise _refused(f"{called}.{found.name} is {found.type}; it must be a list of numbers")


def _check_parameter(cursor: Cursor, search: Search, params: Any) -> None:
    value = _value(params, str(search.parameter))
    if value is None:
        raise _refused("the vector must be a list of finite numbers")
    ((vector,),) = cursor.execute("SELECT CAST($1 AS DOUBLE[])", [value]).fetchall()
    if fault := vector_fault(vector, search.metric):
        raise _refused(fault)
    if len(vector) > MOST_NUMBERS:
        raise _refused(f"the vector has more than {MOST_NUMBERS:,} numbers")


def _value(params: Any, parameter: str) -> Any:
    """The value of a parameter; None where there is none, which is DuckDB's to say."""
    if isinstance(params, dict):
        return params.get(parameter)
    place = int(parameter) - 1 if parameter.isdecimal() else len(params)
    return params[place] if place < len(params) else None


def _refused(detail: str) -> RefusedError:
    return RefusedError(Refused("sql_error", f"lake.nearest: {detail}"))
