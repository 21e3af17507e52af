"""The parameters and refusals of the Iceberg REST catalog. Its answers are those of Iceberg's own
document. Pure."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta


class IcebergQuery(msgspec.Struct, frozen=True):
    """Query of the reads below /iceberg/v1/. Each route has some of these."""

    warehouse: Annotated[
        str | None,
        Meta(
            description="`config`: `lake`, the present, or `at:<seq or RFC 3339 time>`, the lake as of "
            "then.",
            examples=["at:41"],
        ),
    ] = None
    parent: Annotated[
        str | None, Meta(description="`namespaces`: only those below it.", examples=["lake"])
    ] = None
    page_token: Annotated[
        str | None,
        Meta(description="`tables`: `next-page-token` of the previous page.", examples=["sales"]),
    ] = msgspec.field(name="pageToken", default=None)
    page_size: (
        Annotated[
            int,
            Meta(ge=1, le=1_000_000, description="`tables`: tables on a page.", examples=[100]),
        ]
        | None
    ) = msgspec.field(name="pageSize", default=None)


class IcebergCommit(msgspec.Struct, frozen=True):
    """A commit to a table. Unknown members are ignored."""

    requirements: Annotated[
        list[dict[str, Any]],
        Meta(
            description="What must be true of the table.",
            examples=[[{"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 41}]],
        ),
    ] = []
    updates: Annotated[
        list[dict[str, Any]],
        Meta(description="`add-snapshot` and `set-snapshot-ref`.", examples=[[]]),
    ] = []


class IcebergErrorDetail(msgspec.Struct, frozen=True):
    """Why a request to the Iceberg catalog was refused."""

    message: Annotated[
        str, Meta(description="What happened.", examples=["there is no table lake.sales"])
    ]
    type: Annotated[
        str, Meta(description="Iceberg's exception.", examples=["NoSuchTableException"])
    ]
    code: Annotated[int, Meta(description="The HTTP status.", examples=[404])]


class IcebergError(msgspec.Struct, frozen=True):
    """A refusal in Iceberg's form."""

    error: IcebergErrorDetail
