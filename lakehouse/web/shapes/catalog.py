"""What the catalog answers."""

import msgspec

from lakehouse.web.shapes.shape import Shape


class SchemaColumn(Shape, frozen=True):
    """A column's name and its Arrow type's."""

    name: str
    type: str


class ManifestObject(Shape, frozen=True):
    """An object of a dataset; `version` is the seq of the event that stored it, for `as_of`."""

    key: str
    size_bytes: int
    sha256: str
    row_count: int | None
    version: int | None


class Summary(Shape, frozen=True):
    """A dataset without schema and objects."""

    dataset_id: str
    name: str
    schema_fingerprint: str
    row_count: int | None
    created_at: str
    updated_at: str
    seq: int


class Manifest(Summary, frozen=True, kw_only=True):
    """A dataset; what was registered over keys has no schema."""

    schema: list[SchemaColumn] | None
    objects: list[ManifestObject]


class ListedDataset(Summary, frozen=True, kw_only=True):
    """A manifest, with `summary` without schema and objects."""

    schema: list[SchemaColumn] | msgspec.UnsetType | None = msgspec.UNSET
    objects: list[ManifestObject] | msgspec.UnsetType = msgspec.UNSET


class DatasetPage(Shape, frozen=True):
    """Datasets in name order."""

    datasets: list[ListedDataset]
    seq: int
    next: str | None


class Dropped(Shape, frozen=True):
    """The receipt of a drop."""

    name: str
    dataset_id: str
    seq: int
