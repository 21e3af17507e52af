"""A file's columns: from the types that its values allow to the columns that are written.

Columns go by name. What the contract's columns are called, and in which order they stand, decides
where a column is written; its values alone decide its type.
"""

from collections.abc import Mapping

import msgspec

from lakehouse.api.files.type_reasons import TypeReason
from lakehouse.formats.csv.header import Header
from lakehouse.formats.csv.survey import Survey
from lakehouse.formats.options import Options
from lakehouse.formats.reasons.values import (
    ABSENT,
    DECLARED,
    FROM_DATASET,
    TypeEvidence,
    inferred,
    widened,
)
from lakehouse.formats.refusals import refusal, shown
from lakehouse.formats.schema import Column, Contract, SchemaPolicy
from lakehouse.formats.types.stored import declared_types, type_label


class Targets(msgspec.Struct, frozen=True):
    """What each column's values are held against: the types that were declared, then promised."""

    declared: Mapping[str, str]
    promised: Mapping[str, str]

    def wanted(self, names: tuple[str, ...]) -> tuple[str | None, ...]:
        """By column, None where any type will do."""
        return tuple(self.declared.get(name, self.promised.get(name)) for name in names)

    def forced(self, names: tuple[str, ...]) -> frozenset[int]:
        """Indexes of the columns whose type was declared."""
        return frozenset(i for i, name in enumerate(names) if name in self.declared)


def targets(options: Options, contract: Contract | None) -> Targets:
    """The declared types, and those of the contract. A declared double may round."""
    return Targets(declared_types(options.types), contract.types() if contract is not None else {})


def refuse_absent(options: Options, names: tuple[str, ...]) -> None:
    """Raise RefusedError `invalid_request` where a type is declared for a column that is not there."""
    absent = [name for name, _ in options.types if name not in names]
    if absent:
        detail = f"types names {', '.join(map(shown, absent))}, which the file does not have"
        raise refusal("invalid_request", detail)


def written_columns(
    header: Header, surveyed: Survey, goals: Targets, contract: Contract | None, options: Options
) -> tuple[Column, ...]:
    """The columns to write, in their order."""
    names = header.names
    declared = {name: type_label(type_) for name, type_ in goals.declared.items()}
    inferred = dict(zip(names, surveyed.candidates.decided(), strict=True))
    if contract is None:
        return _in_file_order(names, inferred | declared)
    if contract.policy is SchemaPolicy.REPLACE and not _fits(header, surveyed, contract, options):
        return _in_file_order(names, inferred | declared)
    kept = _contract_types(header, surveyed, goals, contract)
    return contract.arranged(inferred | kept | declared, missing_as_null=options.missing_as_null)


def type_reasons(
    columns: tuple[Column, ...],
    header: Header,
    surveyed: Survey,
    goals: Targets,
    evidence: TypeEvidence,
) -> tuple[TypeReason, ...]:
    """Why each of the columns to write has its type."""
    places = {name: index for index, name in enumerate(header.names)}

    def reason(column: Column) -> TypeReason:
        name, index = column.name, places.get(column.name)
        if name in goals.declared:
            return TypeReason(name, DECLARED)
        if index is None:
            return TypeReason(name, ABSENT)
        misfits, promised = evidence.of(index), goals.promised.get(name)
        if promised is None:
            return inferred(name, column.type, misfits, seen=surveyed.candidates.seen[index])
        if promised == column.type:
            return TypeReason(name, FROM_DATASET)
        return widened(name, promised, misfits, surveyed.lines.get(index))

    return tuple(map(reason, columns))


def _in_file_order(names: tuple[str, ...], types: Mapping[str, str]) -> tuple[Column, ...]:
    return tuple(Column(name, types[name]) for name in names)


def _fits(header: Header, surveyed: Survey, contract: Contract, options: Options) -> bool:
    """Whether the file fits as a whole: a schema that may be replaced is kept whole, or not at all."""
    theirs = {column.name for column in contract.columns}
    missing = theirs - set(header.names)
    added = set(header.names) - theirs
    return not (surveyed.lines or added or (missing and not options.missing_as_null))


def _contract_types(
    header: Header, surveyed: Survey, goals: Targets, contract: Contract
) -> dict[str, str]:
    """What the contract says of the columns' types, once all values are known."""
    misfits = {header.names[index] for index in surveyed.lines}
    present = {name: goals.promised[name] for name in header.names if name in goals.promised}
    kept = {name: type_ for name, type_ in present.items() if name not in misfits}
    if contract.policy is not SchemaPolicy.WIDEN:
        return kept
    possible = dict(zip(header.names, surveyed.candidates.types, strict=True))
    return kept | {
        name: contract.widened(Column(name, type_), possible[name])
        for name, type_ in present.items()
        if name in misfits
    }
