"""The catalog: the live datasets, views and profiles, and the content of each dataset. Pure."""

from typing import assert_never

import msgspec
from immutables import Map

from journal.access_events import AccessChange, AccessEvent
from journal.definition_events import SourceChange, SourceEvent
from journal.event_parts import retried_by, rows_changed
from journal.events import (
    COMPACT,
    Change,
    Column,
    Content,
    DatasetAppended,
    DatasetDropped,
    DatasetPinned,
    DatasetRegistered,
    DatasetRenamed,
    DatasetRestored,
    DatasetRewritten,
    DatasetsSwapped,
    DatasetUnpinned,
    Derivation,
    FormatRaised,
    LakeAdopted,
    Object,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ObjectStored,
    ProfileDropped,
    ProfilePut,
    Renamed,
    RowsErased,
    ViewDropped,
    ViewPut,
)
from journal.store_events import StoreChange, StoreEvent
from projections import definitions, rewrites
from projections.definitions import Profile, ViewDefinition
from projections.erasure import replacements as erasures
from projections.moment import Moment
from projections.overlay import Overlay

DatasetChange = (
    ObjectStored
    | ObjectForgotten
    | DatasetRegistered
    | DatasetAppended
    | DatasetDropped
    | DatasetRestored
    | DatasetRewritten
    | ObjectsMarked
    | ObjectsCollected
    | DatasetPinned
    | DatasetUnpinned
    | DatasetRenamed
    | DatasetsSwapped
    | (AccessChange | StoreChange | SourceChange | FormatRaised | LakeAdopted)
    | RowsErased
)
"""Every change of a dataset, not of a view or profile."""


class Ingested(msgspec.Struct, frozen=True, gc=False):
    """A source file whose rows a dataset holds, and the event that added them."""

    sha256: str
    size_bytes: int
    options: tuple[tuple[str, str], ...]
    seq: int


class Dataset(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One live dataset: `seq` and `updated_at` of its last event, `created_at` of its first.

    `derivation` is the statement whose result are all of its rows, None where they are not.
    `edited_seq`: of the last event that removed or changed single rows since its content was last
    replaced, 0 if none did. From then on the dataset holds less than its sources, or other rows.
    `rows_seq`: of the last event that changed its rows or schema, if compactions followed it; else 0.

    `erased`: seq of the last erasure that changed its objects, which is no event of its content; 0
    for none. The two seqs identify a version.
    """

    dataset_id: str
    name: str
    schema_fingerprint: str
    schema: tuple[Column, ...] | None
    objects: tuple[Object, ...]
    row_count: int | None
    sources: tuple[Ingested, ...]
    renamed: tuple[Renamed, ...]
    quarantine: tuple[Object, ...]
    created_at: str
    updated_at: str
    seq: int
    derivation: Derivation | None = None
    edited_seq: int = 0
    erased: int = 0
    rows_seq: int = 0


class Catalog(msgspec.Struct, frozen=True):
    """Live datasets, views and profiles by lower-case name. Datasets and views share one name space."""

    datasets: Map[str, Dataset] = Map()
    views: Map[str, ViewDefinition] = Map()
    profiles: Map[str, Profile] = Map()


EMPTY = Catalog()


class Draft:
    """A catalog while events are folded into it."""

    def __init__(self, catalog: Catalog) -> None:
        self.datasets = Overlay(catalog.datasets)
        self.views = Overlay(catalog.views)
        self.profiles = Overlay(catalog.profiles)

    def finish(self) -> Catalog:
        """The catalog after the events; the draft must not be used again."""
        return Catalog(self.datasets.finish(), self.views.finish(), self.profiles.finish())


def apply(draft: Draft, data: Change, moment: Moment) -> None:
    """Fold one change into a draft of the catalog."""
    match data:
        case ViewPut() | ViewDropped() | ProfilePut() | ProfileDropped():
            definitions.apply(draft.views, draft.profiles, data, moment)
        case _:
            _apply(draft.datasets, data, moment)


def _apply(draft: Overlay[str, Dataset], data: DatasetChange, moment: Moment) -> None:
    match data:
        case ObjectStored() | ObjectForgotten():
            # First, because these are the most frequent events.
            pass
        case DatasetAppended():
            was = draft.find(data.name.lower())
            now = _more(data, was, moment) if was else _whole(data, was, moment)
            draft.put(data.name.lower(), now)
        case DatasetRegistered() | DatasetRestored():
            was = draft.find(data.name.lower())
            draft.put(data.name.lower(), _whole(data, was, moment))
        case DatasetRewritten():
            _rewrite(draft, data, moment)
        case DatasetDropped():
            draft.drop(data.name.lower())
        case DatasetRenamed() | DatasetsSwapped():
            _move(draft, data, moment)
        case ObjectsMarked() | ObjectsCollected() | DatasetPinned() | DatasetUnpinned():
            pass
        case FormatRaised() | LakeAdopted() | AccessEvent() | StoreEvent() | SourceEvent():
            pass
        case RowsErased():
            erase(draft, erasures.of_event(data, moment.seq).get)
        case _:
            assert_never(data)


def erase(datasets: Overlay[str, Dataset], find: erasures.Find) -> None:
    """Let every dataset hold the successors of the blobs that were replaced."""
    for name, was in datasets.items():
        if (now := erased(was, find)) is not was:
            datasets.put(name, now)


def erased(was: Dataset, find: erasures.Find) -> Dataset:
    """The dataset with the successors of its replaced blobs; the same one if there are none."""
    rows, seq = erasures.removed(was.objects, find)
    last = max(seq, erasures.removed(was.quarantine, find)[1])
    if not last:
        return was
    return msgspec.structs.replace(
        was,
        objects=erasures.succeeded(was.objects, find),
        row_count=was.row_count - rows if was.row_count is not None else None,
        quarantine=erasures.succeeded(was.quarantine, find),
        erased=max(was.erased, last),
    )


def find(catalog: Catalog, name: str) -> Dataset | None:
    """The live dataset of that name, whatever its case."""
    return catalog.datasets.get(name.lower())


def last_change(dataset: Dataset) -> int:
    """The seq of the last event that changed a dataset's rows or schema: no compaction is one."""
    return dataset.rows_seq or dataset.seq


def find_view(catalog: Catalog, name: str) -> ViewDefinition | None:
    """The live view of that name, whatever its case."""
    return catalog.views.get(name.lower())


def named(dataset: Dataset, name: str) -> Dataset:
    """The same dataset under another name."""
    return msgspec.structs.replace(dataset, name=name)


def views_in_name_order(catalog: Catalog) -> list[ViewDefinition]:
    """Live views, by code point."""
    return sorted(catalog.views.values(), key=lambda view: view.name)


def find_profile(catalog: Catalog, name: str) -> Profile | None:
    """The live profile of that name, whatever its case."""
    return catalog.profiles.get(name.lower())


def unnamed(dataset: Dataset) -> int | None:
    """The event that gave a dataset objects whose source files are unknown."""
    if not dataset.sources and dataset.objects:
        return dataset.seq
    return next((each.seq for each in dataset.sources if not each.sha256), None)


def in_name_order(catalog: Catalog, after: str = "") -> list[Dataset]:
    """Live datasets whose names sort after `after`, by code point."""
    later = (dataset for dataset in catalog.datasets.values() if dataset.name > after)
    return sorted(later, key=lambda dataset: dataset.name)


def _move(
    draft: Overlay[str, Dataset], data: DatasetRenamed | DatasetsSwapped, moment: Moment
) -> None:
    match data:
        case DatasetRenamed():
            _rename(draft, data, moment)
        case DatasetsSwapped():
            _swap(draft, data, moment)
        case _:
            assert_never(data)


def _rename(draft: Overlay[str, Dataset], data: DatasetRenamed, moment: Moment) -> None:
    was = draft.find(data.name.lower())
    if was is not None:
        draft.drop(data.name.lower())
        draft.put(data.to.lower(), _named(was, data.to, data.dataset_id, moment))


def _swap(draft: Overlay[str, Dataset], data: DatasetsSwapped, moment: Moment) -> None:
    a, b = draft.find(data.a.lower()), draft.find(data.b.lower())
    if a is not None and b is not None:
        draft.put(data.a.lower(), _named(b, a.name, a.dataset_id, moment))
        draft.put(data.b.lower(), _named(a, b.name, b.dataset_id, moment))


def _named(was: Dataset, name: str, dataset_id: str, moment: Moment) -> Dataset:
    """The dataset under another name, changed at this moment."""
    return msgspec.structs.replace(
        was, name=name, dataset_id=dataset_id, updated_at=moment.at, seq=moment.seq, rows_seq=0
    )


def _whole(data: Content | DatasetRestored, was: Dataset | None, moment: Moment) -> Dataset:
    return Dataset(
        data.dataset_id,
        data.name,
        data.schema_fingerprint,
        data.schema,
        rewrites.plain(data.objects),
        data.row_count,
        _sources(data, moment),
        data.renamed,
        rewrites.plain(data.quarantine),
        was.created_at if was else moment.at,
        moment.at,
        moment.seq,
        None if isinstance(data, DatasetAppended) else data.derivation,
    )


def _more(data: DatasetAppended, was: Dataset, moment: Moment) -> Dataset:
    known = was.row_count is not None and data.row_count is not None
    return msgspec.structs.replace(
        was,
        schema_fingerprint=data.schema_fingerprint,
        schema=data.schema,
        objects=was.objects + rewrites.plain(data.objects),
        row_count=(was.row_count or 0) + (data.row_count or 0) if known else None,
        sources=_all_sources(was) + _sources(data, moment),
        renamed=data.renamed,
        quarantine=_quarantine(was, data),
        updated_at=moment.at,
        seq=moment.seq,
        derivation=None,
        rows_seq=0,
    )


def _rewrite(draft: Overlay[str, Dataset], data: DatasetRewritten, moment: Moment) -> None:
    was = draft.find(data.name.lower())
    if was is None:
        return
    removed = rows_changed(data)[1]
    now = msgspec.structs.replace(
        was,
        schema_fingerprint=data.schema_fingerprint,
        schema=data.schema,
        objects=rewrites.plain(rewrites.objects_after(was.objects, data)),
        row_count=data.row_count,
        sources=_all_sources(was) + _sources(data, moment),
        renamed=data.renamed if data.source else was.renamed,
        quarantine=_quarantine(was, data),
        updated_at=moment.at,
        seq=moment.seq,
        derivation=None if rows_changed(data) != (0, 0) else was.derivation,
        edited_seq=moment.seq if removed else was.edited_seq,
        rows_seq=last_change(was) if data.kind == COMPACT else 0,
    )
    draft.put(data.name.lower(), now)


def _quarantine(was: Dataset, data: DatasetAppended | DatasetRewritten) -> tuple[Object, ...]:
    retried = retried_by(data)
    left = tuple(each for each in was.quarantine if each.blob not in retried)
    return left + rewrites.plain(data.quarantine)


def _all_sources(was: Dataset) -> tuple[Ingested, ...]:
    """The sources of a dataset's rows; one unknown source stands for objects without a source."""
    if was.sources or not was.objects:
        return was.sources
    return (Ingested("", 0, (), was.seq),)


def _sources(
    data: Content | DatasetRestored | DatasetRewritten, moment: Moment
) -> tuple[Ingested, ...]:
    if data.source is None:
        return ()
    source = data.source
    return (Ingested(source.sha256, source.size_bytes, source.options, moment.seq),)
