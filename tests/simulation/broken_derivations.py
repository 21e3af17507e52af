"""Derived datasets broken on purpose, one rule at a time, as `broken_protocols` does."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import msgspec

from journal.events import Derivation
from lakehouse.domain.commands import IngestDataset, RefreshDataset
from lakehouse.domain.decision import Decision
from lakehouse.domain.rules import derivations as derivation_rules
from lakehouse.domain.rules import ingest as ingest_rules
from projections import catalog
from projections.fold import State

_refresh = ingest_rules.refresh


@contextmanager
def a_refresh_is_not_decided_again() -> Iterator[None]:
    """What was read replaces whatever another change made of the dataset meanwhile."""

    def broken(state: State, command: RefreshDataset) -> Decision:
        ingest = command.ingest
        if ingest is None:
            return _refresh(state, command)
        live = catalog.find(state.catalog, command.name)
        under = live.schema_fingerprint if live else None
        return ingest_rules.ingest(state, msgspec.structs.replace(ingest, read_under=under))

    with mock.patch.object(ingest_rules, "refresh", broken):
        yield


@contextmanager
def a_refresh_looks_only_whether_names_are_there() -> Iterator[None]:
    """The versions that were read are not compared."""

    def broken(state: State, derivation: Derivation) -> bool:
        found = (catalog.find(state.catalog, read.name) for read in derivation.reads)
        return any(each is None for each in found)

    with mock.patch.object(derivation_rules, "has_changed", broken):
        yield


@contextmanager
def a_statement_may_read_its_own_result() -> Iterator[None]:
    """Cycles are found when datasets are refreshed."""

    def broken(state: State, command: IngestDataset) -> None:
        return None

    with mock.patch.object(derivation_rules, "cycle", broken):
        yield


DERIVATIONS = (
    a_refresh_is_not_decided_again,
    a_refresh_looks_only_whether_names_are_there,
    a_statement_may_read_its_own_result,
)
