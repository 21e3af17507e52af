"""The status of a process: answers. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.fields import Seq


class Health(msgspec.Struct, frozen=True):
    """The process runs."""

    status: Annotated[str, Meta(description="`ok`.", examples=["ok"])] = "ok"
    service: Annotated[
        str,
        Meta(
            description="`lakehouse`, or the role of the process: `gateway`, `storage`, `catalog`, "
            "`ingest`, `sql`.",
            examples=["lakehouse"],
        ),
    ] = "lakehouse"


class GatewayReady(msgspec.Struct, frozen=True):
    """The gateway can serve: at least one role is ready."""

    status: Annotated[str, Meta(description="`ready`.", examples=["ready"])]
    seq: Annotated[Seq, Meta(description="The last event that any role has read.")]
    roles: Annotated[
        dict[str, str],
        Meta(description="Each role: `ready`, or the code of why it is not."),
    ]


class Ready(msgspec.Struct, frozen=True):
    """The process can serve: it has read the journal to its end, and the bucket answers."""

    status: Annotated[str, Meta(description="`ready`.", examples=["ready"])]
    seq: Annotated[Seq, Meta(description="The last event that was read.")]
