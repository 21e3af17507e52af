"""The audit: parameters, entries and answers. Pure.

An entry is stored as it is answered. Must never have a field for a statement, a body or a token.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from lakehouse.api.fields import DEFAULT_LIMIT, AfterText, Count, Limit, Seq, Time
from lakehouse.api.history.journal import EventFormat

AUDIT_ID = Annotated[
    str,
    Meta(
        description="Batch and line of the entry.",
        examples=["2026-11-26/9f86d081884c7d65-00000001:1"],
    ),
]


class ListAuditQuery(msgspec.Struct, frozen=True):
    """Query of GET /v1/audit/entries."""

    after: AfterText = ""
    limit: Limit = DEFAULT_LIMIT
    format: EventFormat = "json"


class AuditRead(msgspec.Struct, frozen=True):
    """A relation that was read, in the version of this event."""

    name: Annotated[str, Meta(description="Dataset, view or key.", examples=["sales"])]
    seq: Annotated[
        Seq | None,
        Meta(description="The event that made this version; null if not known.", examples=[41]),
    ]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One refused access, or one read."""

    at: Time = ""
    kind: Annotated[str, Meta(description="`refused` or `read`.", examples=["refused"])]
    principal: Annotated[
        str | None,
        Meta(description="Who asked; null if that is not known, or the lake is open."),
    ] = None
    token: Annotated[
        str | None, Meta(description="Id of the token that was used, never its secret.")
    ] = None
    address: Annotated[
        str, Meta(description="Network address of the client.", examples=["203.0.113.7"])
    ] = ""
    door: Annotated[str, Meta(description="What it came through.", examples=["http"])] = "http"
    route: Annotated[
        str,
        Meta(
            description="The route, or `none` if none matched.",
            examples=["GET /v1/catalog/manifest/{name}"],
        ),
    ] = "none"
    request_id: Annotated[
        str, Meta(description="Request id.", examples=["3f1c9a52b7d84e0f8a6d5c4b3a291807"])
    ] = ""
    status: Annotated[int, Meta(description="HTTP status of the answer.", examples=[403])] = 0
    code: Annotated[
        str | None, Meta(description="Error code; null of a read.", examples=["forbidden"])
    ] = None
    seq: Annotated[
        Seq | None, Meta(description="The event as of which was read; null of a refusal.")
    ] = None
    reads: Annotated[
        tuple[AuditRead, ...], Meta(description="What was asked for, and in which version.")
    ] = ()
    rows: Annotated[Count | None, Meta(description="Number of rows answered, if known.")] = None


class StoredAuditEntry(AuditEntry, frozen=True, kw_only=True):
    """An entry and where it is stored."""

    id: AUDIT_ID


class AuditPage(msgspec.Struct, frozen=True):
    """Entries by day, then process, then time."""

    entries: list[StoredAuditEntry]
    next: Annotated[
        str | None,
        Meta(description="Value of `after` for the next page; null on the last.", examples=[None]),
    ]


class OcsfPage(msgspec.Struct, frozen=True):
    """The same page as events of OCSF."""

    events: Annotated[
        list[dict[str, Any]],
        Meta(description="API Activity (6003).", examples=[[{"class_uid": 6003}]]),
    ]
    next: Annotated[
        str | int | None,
        Meta(description="Value of `after` for the next page; null on the last.", examples=[None]),
    ]


class AuditHead(msgspec.Struct, frozen=True):
    """The last batch of one process. Recorded elsewhere, it proves that no later one is missing."""

    node: str
    batch: int
    sha256: str


class AuditVerification(msgspec.Struct, frozen=True):
    """What `lakehouse audit verify` found: nothing wrong."""

    batches: int
    entries: int
    lost: int
    """Entries that processes had to drop, as they report it themselves."""
    heads: list[AuditHead]
