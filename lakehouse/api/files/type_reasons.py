"""Why the columns of a file have their types: a member of the answers of ingest. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta


class TypeReason(msgspec.Struct, frozen=True):
    """Why a column has its type."""

    name: Annotated[str, Meta(description="The column.", examples=["zip"])]
    reason: Annotated[
        str,
        Meta(
            description="The reason, in words.",
            examples=["'01234' is text: as a number it would lose its leading zero"],
        ),
    ]
    line: Annotated[
        int | None,
        Meta(description="Line of the value that decided it; null if no single one did."),
    ] = None


TypeReasons = Annotated[
    list[TypeReason],
    Meta(description="Why each column has its type; empty where no file was read."),
]
