"""The quarantine of a dataset: parameters and answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.fields import AfterText, DatasetName, RowCount, Seq
from lakehouse.api.lists.pages import NextRow, OptionalLimit


class QuarantineQuery(msgspec.Struct, frozen=True):
    """Query of GET /v1/catalog/quarantine/{name}."""

    key: Annotated[
        str | None,
        Meta(description="Only the quarantine file with this key.", examples=["datasets/4f2a"]),
    ] = None
    raw: Annotated[
        bool,
        Meta(description="Return the rows, as a file like their source.", examples=[False]),
    ] = False
    after: AfterText = ""
    limit: OptionalLimit = None


class QuarantineFile(msgspec.Struct, frozen=True):
    """One quarantine file: the rows of one source file that are not in the dataset."""

    key: Annotated[str, Meta(description="Key of the quarantine file.")]
    row_count: RowCount
    seq: Annotated[Seq, Meta(description="The event that put the rows in quarantine.")]
    options: Annotated[
        list[tuple[str, str]],
        Meta(
            description="[name, value] pairs with which the source was read.",
            examples=[[["header", "false"]]],
        ),
    ]


class QuarantineList(msgspec.Struct, frozen=True):
    """The quarantine files of a dataset, oldest first."""

    name: DatasetName
    files: list[QuarantineFile]
    seq: Annotated[Seq, Meta(description="The event up to which the list is true.")]
    next: NextRow = None
