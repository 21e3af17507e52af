"""Change sets and renames: parameters and answers. Pure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lakehouse.api.catalog.datasets import RegisterRequest, RestoreRequest, RowCountOrNull
from lakehouse.api.catalog.definitions import PutProfileRequest, PutViewRequest, ViewName
from lakehouse.api.fields import EXAMPLE_SHA256, DatasetId, DatasetName, Seq

NewName = Annotated[str, Meta(description="The new name.", examples=["sales_2026"])]
StagedId = Annotated[
    str,
    Meta(
        description="The id of a staged file, as ingest with `stage=true` returned it. It is valid "
        "once, for 23 hours.",
        examples=[f"{EXAMPLE_SHA256}-5b8a9f0e-41-k3j2"],
    ),
]


class RenameRequest(msgspec.Struct, frozen=True):
    """The dataset to rename. Unknown members are ignored."""

    name: DatasetName
    to: NewName


class Renamed(msgspec.Struct, frozen=True):
    """A dataset has a new name."""

    name: Annotated[str, Meta(description="The old name, as sent.", examples=["sales"])]
    to: NewName
    dataset_id: Annotated[DatasetId, Meta(description="The id of the new name.")]
    seq: Seq


class RegisterChange(RegisterRequest, frozen=True, tag_field="op", tag="register"):
    """Register a dataset over objects."""


class DropChange(msgspec.Struct, frozen=True, tag_field="op", tag="drop"):
    """Drop a dataset."""

    name: DatasetName


class RestoreChange(RestoreRequest, frozen=True, tag_field="op", tag="restore"):
    """Restore a dataset to what it was at a moment before this change set."""


class RenameChange(RenameRequest, frozen=True, tag_field="op", tag="rename"):
    """Rename a dataset."""


class SwapChange(msgspec.Struct, frozen=True, tag_field="op", tag="swap"):
    """Exchange the names of two datasets."""

    a: DatasetName
    b: Annotated[DatasetName, Meta(description="The other dataset.", examples=["sales_new"])]


class CommitChange(msgspec.Struct, frozen=True, tag_field="op", tag="commit"):
    """Commit a staged file."""

    staged: StagedId
    mode: Annotated[
        Literal["replace", "append"] | None,
        Meta(description="Instead of the mode that it was staged with.", examples=["append"]),
    ] = None


class PutViewChange(PutViewRequest, frozen=True, tag_field="op", tag="put_view", kw_only=True):
    """Make or replace a view."""

    name: ViewName


class DropViewChange(msgspec.Struct, frozen=True, tag_field="op", tag="drop_view"):
    """Drop a view."""

    name: ViewName


class PutProfileChange(
    PutProfileRequest, frozen=True, tag_field="op", tag="put_profile", kw_only=True
):
    """Make or replace a profile."""

    name: Annotated[str, Meta(description="Name of the profile.", examples=["books"])]


class DropProfileChange(msgspec.Struct, frozen=True, tag_field="op", tag="drop_profile"):
    """Drop a profile."""

    name: Annotated[str, Meta(description="Name of the profile.", examples=["books"])]


DefinitionChange = PutViewChange | DropViewChange | PutProfileChange | DropProfileChange
CatalogChange = (
    DefinitionChange
    | RegisterChange
    | DropChange
    | RestoreChange
    | RenameChange
    | SwapChange
    | CommitChange
)


class TransactionRequest(msgspec.Struct, frozen=True):
    """Changes to make all at once, in order, or not at all. Unknown members are ignored."""

    changes: Annotated[
        tuple[CatalogChange, ...],
        Meta(description="1 to 1,000 changes; each sees the ones before it."),
    ]
    expect: Annotated[
        dict[str, Seq | None],
        Meta(
            description="For each name the `seq` that the caller has seen last, null if it was "
            "absent. 409 `expectation_failed` if one has changed.",
            examples=[{"sales": 41, "sales_new": None}],
        ),
    ] = {}


class ChangeResult(msgspec.Struct, frozen=True):
    """What one of the changes concerned, and what is there after all of them."""

    op: Annotated[str, Meta(description="As sent.", examples=["rename"])]
    name: Annotated[str, Meta(description="The name that it changed.", examples=["sales"])]
    to: Annotated[
        str | None,
        Meta(description="The new name, or the other dataset of a swap.", examples=["sales_2026"]),
    ]
    dataset_id: Annotated[
        DatasetId | None, Meta(description="The id of the resulting name; null if it was dropped.")
    ]
    row_count: RowCountOrNull


class TransactionReceipt(msgspec.Struct, frozen=True):
    """All changes were made, by one event."""

    seq: Seq
    results: Annotated[list[ChangeResult], Meta(description="One for each change, in order.")]
