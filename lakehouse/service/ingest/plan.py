"""What to do with a file: its dataset, the mode, how its bytes are read. Data alone.

Decides nothing about a dataset or a file: only whether the parameters can be combined.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from journal.event_parts import LINES, lines_text
from journal.event_records import REPLACING_ROWS
from journal.events import RETRIES, RowStatement, Source, SourceFile
from lakehouse.domain.column_list import split_columns
from lakehouse.domain.commands import IngestDataset
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.sources.commands import Sighting
from lakehouse.domain.validation import check_name
from lakehouse.formats.file_formats import compression_of
from lakehouse.formats.options import CSV, REJECT, Options
from lakehouse.formats.refusals import shown

if TYPE_CHECKING:
    from lakehouse.process.spool import Spooled

MOST_COLUMNS = 200
"""How many columns a quick file has at most."""


class IngestPlan(msgspec.Struct, frozen=True):
    """What to do with a file."""

    name: str
    mode: str = "replace"
    options: Options = Options()
    content_encoding: str | None = None
    schema_change: str | None = None
    dedupe: bool = False
    resolves: tuple[str, ...] = ()
    """Keys of quarantine files of the dataset whose rows the file contains, corrected."""
    key: tuple[str, ...] = ()
    """The columns that identify a row, with the mode `merge`."""
    where: str | None = None
    """The condition for the rows to replace, with the mode `overwrite`."""
    lines: tuple[int, int] | None = None
    """Which lines of a stream the file is: the first, and the one after the last."""
    found: SourceFile | None = None
    """Where a watched source found the file."""
    sighting: Sighting | None = None
    """With `found`: what was known then."""

    def source(self, file: "Spooled") -> Source:
        """The file as its event names it."""
        more = [(RETRIES, key) for key in self.resolves]
        if self.lines is not None:
            more.append((LINES, lines_text(*self.lines)))
        options = tuple(sorted((*self.options.canonical(), *more)))
        return Source(file.sha256, file.size_bytes, options, self.found)

    def is_quick(self, file: "Spooled") -> bool:
        """Whether the file is read in milliseconds, so that others may wait for it.

        Each column costs a fixed time; a compressed file may be of any size.
        """
        content, options = file.content, self.options
        if not isinstance(content, bytes) or compression_of(content):
            return False
        plain = (options.format, options.on_error) == (CSV, REJECT)
        header = content.lstrip(b"\r\n").partition(b"\n")[0]
        return plain and header.count(options.delimiter.encode()) < MOST_COLUMNS

    def command(self, file: "Spooled") -> IngestDataset:
        """The command, before the file is read."""
        return IngestDataset(
            self.name,
            self.mode,
            self.source(file),
            None,
            None,
            self.schema_change,
            self.dedupe,
            self.resolves,
            statement=self.statement(),
            first_line=self.lines[0] if self.lines else 0,
            sighting=self.sighting,
        )

    def statement(self) -> RowStatement | None:
        """The rows of the dataset that the file's replace; None where all or none are."""
        if self.mode not in REPLACING_ROWS:
            return None
        return RowStatement(where=self.where, key=self.key)


def check_plan(plan: IngestPlan) -> None:
    """Raise RefusedError `invalid_name`, or `invalid_request` for parameters that exclude each other."""
    check_name(plan.name)
    if plan.schema_change == "replace" and plan.mode != "replace":
        raise _invalid("schema_change=replace requires mode=replace: other modes keep rows")
    if plan.resolves and plan.mode == "replace":
        raise _invalid("resolves requires another mode than replace: it keeps no rows to add to")
    if bool(plan.key) != (plan.mode == "merge"):
        raise _invalid("mode=merge and key require each other: key=id or key=id,day")
    if (plan.where is not None) != (plan.mode == "overwrite"):
        raise _invalid("mode=overwrite and where require each other: where=day = '2026-11-02'")
    if plan.where is not None and not plan.where.strip():
        raise _invalid("where is empty; mode=replace replaces all rows")
    if "" in plan.key:
        raise _invalid("key has an empty column name")
    if repeated := next((each for each in plan.key if plan.key.count(each) > 1), None):
        raise _invalid(f"key names column {shown(repeated)} twice")


def key_columns(values: Iterable[str]) -> tuple[str, ...]:
    """The columns that the values of the parameter `key` name. Raises RefusedError `invalid_request`."""
    return tuple(name for value in values for name in split_columns(value))


def _invalid(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", detail))
