"""What the tabs of a dataset's page have in common."""

from typing import Any

import msgspec

from lakehouse.api.catalog.datasets import ManifestPage
from lakehouse.api.console.overview import DatasetGlance
from lakehouse.console.page import Equivalent
from lakehouse.console.visit import dataset_path


class Subject(msgspec.Struct, frozen=True):
    """The dataset that the page is about; without manifest and glance it does not exist at that moment.

    `manifest` has no objects.
    """

    name: str
    manifest: ManifestPage | None
    glance: DatasetGlance | None
    seq: int

    @property
    def path(self) -> str:
        """The path of its page."""
        return dataset_path(self.name)

    @property
    def types(self) -> dict[str, str]:
        """The type of each column, as the schema names it."""
        schema = self.manifest.schema if self.manifest else None
        return {each.name: each.type for each in schema or ()}


class Tab(msgspec.Struct, frozen=True, kw_only=True):
    """A tab: its template below `dataset/`, and what that shows."""

    template: str
    values: dict[str, Any] = {}
    equivalent: Equivalent | None = None
    seq: int | None = None
