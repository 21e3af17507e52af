"""The result of a statement, an Arrow stream, as Parquet with the schema of its own types.

The stream was written by our own query worker in plain types; it is read in one pass, and in one more
where values are held against the types of an existing dataset. Must never hold more than a row group.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from journal.column_names import folded
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.options import Options
from lakehouse.formats.parquet.field_ids import with_field_ids
from lakehouse.formats.parquet.reader import Verified, decided_columns
from lakehouse.formats.parquet.value_fit import cast_exactly, fits, may_fit
from lakehouse.formats.parquet.writer import WRITER, write_parquet
from lakehouse.formats.reader import Parsed
from lakehouse.formats.schema import Column, Contract, differences, fingerprint, name_fault
from lakehouse.formats.types.logical import arrow_type, logical_type

Content = Path | bytes
"""A file, or the bytes of a small one."""


def read_result(
    content: Content, contract: Contract | None, work_dir: Path, limits: IngestLimits
) -> Parsed:
    """The rows as Parquet in `work_dir`, each column that fits the contract in its type.

    Raises RefusedError: `invalid_column` for names that no dataset can have or a missing one,
    `schema_conflict` where widening would lose digits.
    """
    with _opened(content) as stream:
        schema = stream.schema
    _check_names(schema.names, limits.columns)
    stored = tuple((field.name, str(logical_type(field.type))) for field in schema)
    fitting = _fitting(content, schema, contract) if contract is not None else ()
    columns = decided_columns(Verified(stored, 0, fitting), contract, Options())
    target = with_field_ids(pa.schema([_typed(each, schema) for each in columns]), WRITER)
    files = write_parquet(_converted(content, target), target, work_dir, limits)
    return Parsed(
        columns=columns,
        fingerprint=fingerprint(columns),
        renamed=(),
        row_count=sum(file.row_count for file in files),
        files=files,
        differences=differences(contract, columns, {}),
    )


@contextmanager
def _opened(content: Content) -> Iterator[pa.RecordBatchStreamReader]:
    source = pa.BufferReader(content) if isinstance(content, bytes) else pa.OSFile(str(content))
    with source, pa.ipc.open_stream(source) as stream:
        yield stream


def _check_names(names: list[str], most: int) -> None:
    if len(names) > most:
        raise _invalid(f"the result has {len(names):,} columns; at most {most:,} are allowed")
    seen: dict[str, str] = {}
    for position, name in enumerate(names, 1):
        if not name:
            raise _invalid(f"column {position} has no name")
        if fault := name_fault(name):
            raise _invalid(f"column {position} has {fault} in its name")
        if (other := seen.get(folded(name))) is not None:
            raise _invalid(f"columns {other} and {name} have the same name without regard to case")
        seen[folded(name)] = name


def _invalid(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_column", detail))


def _fitting(content: Content, schema: pa.Schema, contract: Contract) -> tuple[str, ...]:
    """The columns of another type than the contract's, all of whose values are of the contract's."""
    wanted = {column.name: arrow_type(column.type) for column in contract.columns}
    left: dict[str, pa.DataType] = {}
    for field in schema:
        stored, type_ = logical_type(field.type), wanted.get(field.name)
        if type_ is not None and stored != type_ and may_fit(stored, type_):
            left[field.name] = type_
    if not left:
        return ()
    with _opened(content) as stream:
        for batch in stream:
            misfits = [name for name, type_ in left.items() if not fits(batch.column(name), type_)]
            for name in misfits:
                del left[name]
    return tuple(left)


def _typed(column: Column, schema: pa.Schema) -> pa.Field:
    """The field of a column that is written; a nested column has the type that it came in."""
    flat = arrow_type(column.type)
    return pa.field(column.name, flat or logical_type(schema.field(column.name).type))


def _converted(content: Content, target: pa.Schema) -> Iterator[pa.RecordBatch]:
    with _opened(content) as stream:
        for batch in stream:
            arrays = [
                column if column.type == type_ else cast_exactly(column, type_)
                for column, type_ in zip(
                    batch.select(target.names).columns, target.types, strict=True
                )
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=target)
