"""The header: the names of a file's columns, each unique, each kept as written where it can be.

Pure, but for the first record that it takes from the blocks. It judges names, never values.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec

from journal.column_names import folded
from lakehouse.formats.csv.blocks import Block
from lakehouse.formats.csv.dialect import Dialect
from lakehouse.formats.csv.record_scanner import Record, records
from lakehouse.formats.refusals import malformed, refusal
from lakehouse.formats.schema import Renamed, name_fault


class Header(msgspec.Struct, frozen=True):
    """Names in file order, unique but for ASCII case, and what had to be renamed for that."""

    names: tuple[str, ...]
    renamed: tuple[Renamed, ...] = ()


def take_header(
    found: Iterator[Block], dialect: Dialect, *, written: bool, max_columns: int
) -> tuple[Header, Iterator[Block]]:
    """The header and the blocks of the rows after it.

    With `written` false the first record is a row; only its number of columns is used.
    Raises RefusedError `empty_csv`, or `malformed_csv` for a first record that cannot be read.
    """
    for block in found:
        first = next(records(block.data, block.line, dialect, max_columns), None)
        if first is None:
            continue
        if first.problem:
            raise malformed(first.line, first.problem)
        if not written:
            return name_columns(("",) * len(first.cells), listed=False), chain([block], found)
        _refuse_odd_names(first)
        return name_columns(first.cells), chain(_rest(block, first), found)
    raise refusal("empty_csv", "the file has no header record")


def name_columns(written: Sequence[str], *, listed: bool = True) -> Header:
    """Unique names: an empty one becomes `column<position>`, a repeated one gets `_2`, `_3`, ….

    Names are compared without regard to ASCII case, from left to right: the first keeps its name.
    A suffix never makes a name that stands anywhere else.
    """
    filled = [name or f"column{position}" for position, name in enumerate(written, 1)]
    everywhere, taken = set(map(folded, filled)), set[str]()
    counters: dict[str, int] = {}
    names = filled
    if len(everywhere) < len(filled):
        names = [_unique(name, everywhere, taken, counters) for name in filled]
    renamed = (
        Renamed(position, was, name)
        for position, (was, name) in enumerate(zip(written, names, strict=True), 1)
        if was != name
    )
    return Header(tuple(names), tuple(renamed) if listed else ())


def _unique(name: str, everywhere: set[str], taken: set[str], counters: dict[str, int]) -> str:
    """`name`, or with the first suffix that is free; `counters` spare ten thousand tries each."""
    unique, key = name, folded(name)
    while folded(unique) in taken or (unique != name and folded(unique) in everywhere):
        counters[key] = counters.get(key, 1) + 1
        unique = f"{name}_{counters[key]}"
    taken.add(folded(unique))
    return unique


def _refuse_odd_names(header: Record) -> None:
    for position, name in enumerate(header.cells, 1):
        if (fault := name_fault(name)) is not None:
            raise malformed(header.line, f"{fault} in the name of column {position}")


def _rest(block: Block, first: Record) -> Iterator[Block]:
    data = block.data[first.stop :]
    if data:
        yield Block(data, block.line_of, block.start + first.stop, block.whole)
