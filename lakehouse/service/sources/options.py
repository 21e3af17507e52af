"""The options of a source: those of an ingest's query, as pairs, and the plan that they make. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from journal.event_records import SourceFile
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.sources.commands import Sighting
from lakehouse.formats.file_formats import format_of_file_name
from lakehouse.formats.option_parsing import OPTION_NAMES, parse_options
from lakehouse.formats.options import CSV
from lakehouse.service.ingest.plan import IngestPlan, check_plan, key_columns
from lakehouse.service.sources.entries import Entry
from projections.sources import WatchedSource

KEY, SCHEMA_CHANGE = "key", "schema_change"
NAMES = OPTION_NAMES | {KEY, SCHEMA_CHANGE}
SCHEMA_CHANGES = ("replace", "widen")
MAX_PAIRS = 1_000
TSV = (".tsv", ".tsv.gz", ".tsv.zst")

Value = str | bool | int
Pairs = tuple[tuple[str, str], ...]


def pairs_of(options: Mapping[str, Value | Sequence[Value]]) -> Pairs:
    """Sorted (name, value) pairs of an object of JSON. Raises RefusedError `invalid_request`."""
    pairs = [(name, _text(each)) for name, value in options.items() for each in _values(value)]
    unknown = sorted({name for name, _ in pairs} - NAMES)
    if unknown:
        detail = f"there is no option {unknown[0][:64]!r}; there are {', '.join(sorted(NAMES))}"
        raise RefusedError(Refused("invalid_request", detail))
    if len(pairs) > MAX_PAIRS:
        raise RefusedError(Refused("invalid_request", f"more than {MAX_PAIRS:,} options"))
    return tuple(sorted(pairs))


def object_of(pairs: Pairs) -> dict[str, list[str]]:
    """The pairs as an object of JSON: each name with its values."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def check_options(source: WatchedSource) -> None:
    """Raises RefusedError as an ingest with these options would, before any file is read."""
    plan_of(source, Entry("", "", 0), None)


def plan_of(source: WatchedSource, entry: Entry, received_seq: int | None) -> IngestPlan:
    """What to do with a file of the source. Raises RefusedError `invalid_request`."""
    options = parse_options([pair for pair in source.options if pair[0] in OPTION_NAMES])
    if isinstance(options, Refused):
        raise RefusedError(options)
    given = object_of(source.options)
    if "format" not in given:
        format_ = format_of_file_name(entry.key) or CSV
        options = msgspec.structs.replace(options, format=format_)
    if options.format == CSV and not options.delimiter_given and entry.key.lower().endswith(TSV):
        options = msgspec.structs.replace(options, delimiter="\t", delimiter_given=True)
    plan = IngestPlan(
        source.dataset,
        source.mode,
        options,
        schema_change=_schema_change(given.get(SCHEMA_CHANGE, [])),
        key=key_columns(given.get(KEY, [])),
        found=SourceFile(source.name, entry.key, entry.identity),
        sighting=Sighting(source.seq, received_seq),
    )
    check_plan(plan)
    return plan


def _schema_change(values: Sequence[str]) -> str | None:
    if not values:
        return None
    if len(values) > 1 or values[0] not in SCHEMA_CHANGES:
        detail = f"schema_change is one of {', '.join(SCHEMA_CHANGES)}"
        raise RefusedError(Refused("invalid_request", detail))
    return values[0]


def _values(value: Value | Sequence[Value]) -> Sequence[Value]:
    return [value] if isinstance(value, str | bool | int) else value


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
