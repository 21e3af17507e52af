"""The columns of a result as a client sees them, within bounds. Pure."""

from typing import Any

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.query.wire.messages import Column

_LONGEST_NAME_BYTES = 1024
_LARGEST_HEADER_BYTES = 1024 * 1024


def result_columns(described: Any) -> tuple[Column, ...]:
    """Names and types, by DuckDB's description of a result.

    Raises RefusedError `sql_error` for names that no client needs, before they are copied.
    """
    columns, left = [], _LARGEST_HEADER_BYTES
    for number, (name, kind, *_) in enumerate(described, 1):
        if (size := len(name.encode())) > _LONGEST_NAME_BYTES:
            detail = f"the name of column {number} has {size:,} bytes; at most 1,024 are allowed"
            raise RefusedError(Refused("sql_error", f"{detail}: give it a shorter one with AS"))
        columns.append(Column(name, str(kind)))
        if "\0" in name or "\0" in columns[-1].type:
            # Arrow's names end at it, so two fields would have one name.
            detail = f"the name of column {number}, or of a field in it, holds a NUL character"
            raise RefusedError(Refused("sql_error", detail))
        left -= size + len(columns[-1].type)
        if left < 0:
            detail = "the names and types of the columns take more than 1 MiB"
            raise RefusedError(
                Refused("sql_error", f"{detail}: select fewer columns, or cast them")
            )
    return tuple(columns)
