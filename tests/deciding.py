"""Given these events, when this command: what the tests of `decide` are written in."""

import msgspec
from builders import (
    blob,
    context,
    given,
    item,
    registered,
    schema,
    sha,
    source,
)

from journal.events import Data, DatasetAppended, Event
from lakehouse.domain.commands import (
    Command,
    IngestDataset,
    RegisterDataset,
    RestoreDataset,
    StoreObject,
    Table,
)
from lakehouse.domain.decide import decide
from lakehouse.domain.decision import DataStep, Decision, NeedsData
from lakehouse.domain.errors import Refused
from lakehouse.domain.rules.datasets import dataset_id

COLUMNS = schema(id="int64", zip="string")


def when(command: Command, *facts: Data | Event) -> Decision:
    return decide(given(*facts), command, context())


def code(decision: Decision) -> str:
    assert isinstance(decision, Refused), decision
    return decision.code


def step(decision: Decision) -> DataStep:
    assert isinstance(decision, NeedsData), decision
    return decision.step


def put(
    key: str, bytes_name: str, uploaded: bool = True, only_if_absent: bool = False
) -> StoreObject:
    place = blob(bytes_name) if uploaded else None
    return StoreObject(key, 10, sha(bytes_name), "text/plain", place, only_if_absent)


def register(
    name: str, *keys: str, fingerprint: str = "f1", rows: int | None = None
) -> RegisterDataset:
    return RegisterDataset(name, fingerprint, keys, rows)


def ingest(name: str, part: str, **more: object) -> IngestDataset:
    table = Table(COLUMNS, "f1", (item(part),), 5, (), uploaded=True)
    command = IngestDataset(name, "replace", source(part), table, None)
    return msgspec.structs.replace(command, **more)


def ingested(name: str, part: str) -> Data:
    return registered(name, item(part), schema=COLUMNS, source=source(part), row_count=5)


def restore(name: str, as_of_seq: int, *facts: Data | Event) -> RestoreDataset:
    """Of the dataset as it was after the first `as_of_seq` of these facts."""
    was = given(*facts[:as_of_seq]).catalog.datasets[name.lower()]
    return RestoreDataset(as_of_seq, was)


def appended(name: str, part: str) -> DatasetAppended:
    fields = (dataset_id(name), name, "f1", COLUMNS, (item(part),), 5, source(part), (), ())
    return DatasetAppended(*fields)
