"""One dataset, by its name: a handle that sends a request when a value is needed."""

from typing import TYPE_CHECKING

from lakehouse.api.catalog.change_sets import Renamed
from lakehouse.api.catalog.datasets import (
    Dropped,
    ListedDataset,
    Manifest,
    ManifestPage,
    SchemaColumn,
)
from lakehouse.api.history.time_travel import CatalogDiff, DatasetChange
from lakehouse.client import parameters, request
from lakehouse.client.events import Event, pages
from lakehouse.client.parameters import AsOf

if TYPE_CHECKING:
    import pyarrow as pa

    from lakehouse.client.lake import Lake

MANIFEST = "/v1/catalog/manifest"


class Dataset:
    """A dataset as it is now. Every method raises Error.

    One that comes from `Lake.datasets` has the row count of that list.
    """

    def __init__(self, lake: "Lake", name: str, listed: ListedDataset | None = None) -> None:
        self._lake = lake
        self._listed = listed
        self.name = name

    @property
    def row_count(self) -> int | None:
        """How many rows there are; None if that is not known."""
        return (self._listed or described(self._lake, self.name)).row_count

    @property
    def seq(self) -> int:
        """The event that last changed the dataset."""
        return (self._listed or described(self._lake, self.name)).seq

    @property
    def schema(self) -> list[SchemaColumn] | None:
        """The columns and their types; None for a dataset that was registered."""
        return described(self._lake, self.name).schema

    def manifest(self, as_of: AsOf | None = None) -> ManifestPage:
        """The dataset's record in the catalog."""
        path = request.named(MANIFEST, self.name)
        asked = request.get(path, as_of=parameters.moment(as_of))
        return self._lake.http.json(asked, ManifestPage)

    def arrow(self) -> "pa.Table":
        """All rows."""
        return self._lake.sql(f"FROM {_quoted(self.name)}").arrow()

    def history(self) -> list[Event]:
        """Every event of this name, oldest first."""
        path = request.named("/v1/catalog/history", self.name)
        return list(pages(self._lake.http, path, 0))

    def at(self, as_of: AsOf) -> "DatasetAt":
        """The dataset as of a moment."""
        return DatasetAt(self._lake, self.name, as_of)

    def diff(self, first: AsOf, last: AsOf | None = None) -> DatasetChange | None:
        """What changed between two moments (`last`: now by default); None if nothing did."""
        asked = request.get(
            "/v1/catalog/diff",
            **{"from": parameters.moment(first), "to": parameters.moment(last)},
        )
        found = self._lake.http.json(asked, CatalogDiff)
        wanted = self.name.lower()
        return next((each for each in found.datasets if each.name.lower() == wanted), None)

    def drop(self, reason: str | None = None) -> Dropped:
        """Drop the dataset; `restore` brings it back."""
        asked = request.change("DELETE", request.named(MANIFEST, self.name), reason=reason)
        return self._lake.http.json(asked, Dropped)

    def restore(self, as_of: AsOf, reason: str | None = None) -> Manifest:
        """Make the dataset what it was at a moment."""
        self._listed = None
        body = {"name": self.name, "as_of": parameters.moment(as_of)}
        asked = request.change("POST", "/v1/catalog/restore", body, reason)
        return self._lake.http.json(asked, Manifest)

    def rename(self, to: str, reason: str | None = None) -> Renamed:
        """Give the dataset another name; this object has it then."""
        body = {"name": self.name, "to": to}
        asked = request.change("POST", "/v1/catalog/rename", body, reason)
        renamed = self._lake.http.json(asked, Renamed)
        self.name = renamed.to
        return renamed

    def __repr__(self) -> str:
        return f"<Dataset {self.name}>"


class DatasetAt:
    """A dataset as it was. Every method raises Error."""

    def __init__(self, lake: "Lake", name: str, as_of: AsOf) -> None:
        self._lake = lake
        self.name = name
        self.as_of = as_of

    @property
    def row_count(self) -> int | None:
        """How many rows there were; None if that is not known."""
        return described(self._lake, self.name, self.as_of).row_count

    @property
    def schema(self) -> list[SchemaColumn] | None:
        """The columns and their types at that moment."""
        return described(self._lake, self.name, self.as_of).schema

    def arrow(self) -> "pa.Table":
        """All rows at that moment."""
        return self._lake.sql(f"FROM {_quoted(self.name)}", as_of=self.as_of).arrow()

    def __repr__(self) -> str:
        return f"<Dataset {self.name} as of {self.as_of}>"


def described(lake: "Lake", name: str, as_of: AsOf | None = None) -> ManifestPage:
    """A dataset's record in the catalog, without all of its objects."""
    path = request.named(MANIFEST, name)
    asked = request.get(path, limit=1, as_of=parameters.moment(as_of))
    return lake.http.json(asked, ManifestPage)


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
