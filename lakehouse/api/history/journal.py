"""The journal: parameters and answers. Pure."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from lakehouse.api.fields import (
    DEFAULT_LIMIT,
    Actor,
    AfterSeq,
    DatasetName,
    Limit,
    Reason,
    Seq,
    Time,
)

EventType = Annotated[
    str, Meta(description="Only events of this type.", examples=["dataset_registered"])
]
OfDataset = Annotated[DatasetName, Meta(description="Only events about this dataset.")]


OnBehalfOf = Annotated[
    str | None,
    Meta(
        description="For whom the actor, a principal, says that it acts; it is not verified.",
        examples=[None],
    ),
]

EventFormat = Annotated[
    Literal["json", "ocsf"],
    Meta(
        description="`json`, or `ocsf`: events of the class API Activity (6003) of OCSF 1.5.0.",
        examples=["json"],
    ),
]


class ListEventsQuery(msgspec.Struct, frozen=True):
    """Query of GET /v1/journal/events."""

    after: AfterSeq = 0
    limit: Limit = DEFAULT_LIMIT
    type: EventType | None = None
    dataset: OfDataset | None = None
    format: EventFormat = "json"


class StreamEventsQuery(msgspec.Struct, frozen=True):
    """Query of GET /v1/journal/stream."""

    after: Annotated[AfterSeq, Meta(description="Send events with a higher number.")] = 0
    type: EventType | None = None
    dataset: OfDataset | None = None
    format: EventFormat = "json"


class StreamEventsHeaders(msgspec.Struct, frozen=True):
    """Headers of GET /v1/journal/stream."""

    last_event_id: Annotated[
        Seq | None,
        Meta(description="Send events after this one. Overrides `after`.", examples=[41]),
    ] = msgspec.field(name="Last-Event-ID", default=None)


class Mention(msgspec.Struct, frozen=True):
    """Something that an event is about."""

    entity: Annotated[
        str, Meta(description="`dataset:<name in lower case>`.", examples=["dataset:sales"])
    ]
    prev: Annotated[
        tuple[int, int] | None,
        Meta(
            description="[slot, seq] of the previous event about it; null for the first.",
            examples=[[7, 12]],
        ),
    ]


class JournalEvent(msgspec.Struct, frozen=True):
    """An event, with the position and the time of the slot that holds it."""

    seq: Seq
    position: Annotated[int, Meta(description="The number of its slot, from 1.", examples=[17])]
    at: Time
    type: Annotated[str, Meta(description="Type of the event.", examples=["dataset_dropped"])]
    v: Annotated[int, Meta(description="Version of the type.", examples=[1])]
    command: Annotated[
        str,
        Meta(
            description="Id of the command that made it (UUIDv7).",
            examples=["019ab1c2-7d3e-7f40-8a51-2b3c4d5e6f70"],
        ),
    ]
    key: Annotated[
        str | None, Meta(description="The idempotency key, if one was sent.", examples=["load-7"])
    ]
    request: Annotated[
        str | None,
        Meta(description="SHA-256 of the request that sent the idempotency key.", examples=[None]),
    ]
    actor: Actor
    reason: Reason
    correlation: Annotated[
        str | None,
        Meta(
            description="Trace id of the change if its client sent `traceparent`, else its request "
            "id.",
            examples=["3f1c9a52b7d84e0f8a6d5c4b3a291807"],
        ),
    ]
    about: list[Mention]
    data: Annotated[
        dict[str, Any],
        Meta(
            description="The facts; their members depend on the type.",
            examples=[{"name": "sales", "dataset_id": "0f2b6c1e-6e0a-5c0e-9a58-5b8a9f0e2f11"}],
        ),
    ]
    on_behalf_of: OnBehalfOf = None


class EventPage(msgspec.Struct, frozen=True):
    """Events, oldest first. A filtered page may be empty and still have a `next`."""

    events: list[JournalEvent]
    next: Annotated[
        int | None,
        Meta(description="Value of `after` for the next page; null on the last.", examples=[None]),
    ]


class JournalHead(msgspec.Struct, frozen=True):
    """The last event and its slot. An empty journal has 0, 0, null, null."""

    seq: Annotated[Seq, Meta(description="The number of the last event.")]
    slot: Annotated[int, Meta(description="The number of the last slot.", examples=[17])]
    sha256: Annotated[
        str | None,
        Meta(
            description="SHA-256 of the last slot.",
            examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
        ),
    ]
    at: Annotated[
        str | None,
        Meta(description="When it was committed.", examples=["2026-11-26T09:15:30.120000Z"]),
    ]


class StreamedEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event as a CloudEvent (1.0, JSON), and the members that the journal adds to it. A member
    that would be null is absent."""

    specversion: Annotated[str, Meta(description="Version of CloudEvents.", examples=["1.0"])]
    id: Annotated[str, Meta(description="The number of the event.", examples=["41"])]
    source: Annotated[
        str,
        Meta(
            description="The lake: `urn:lakehouse:<id>`.",
            examples=["urn:lakehouse:5b8a9f0e2f110f2b6c1e6e0a5c0e9a58"],
        ),
    ]
    type: Annotated[str, Meta(description="Type of the event.", examples=["dataset_dropped"])]
    time: Time
    datacontenttype: Annotated[
        str, Meta(description="Media type of `data`.", examples=["application/json"])
    ]
    seq: Seq
    position: Annotated[int, Meta(description="The number of its slot, from 1.", examples=[17])]
    at: Time
    v: Annotated[int, Meta(description="Version of the type.", examples=[1])]
    command: Annotated[str, Meta(description="Id of the command that made it (UUIDv7).")]
    actor: Actor
    data: Annotated[
        dict[str, Any], Meta(description="The facts; their members depend on the type.")
    ]
    subject: Annotated[
        str | None,
        Meta(
            description="`dataset:<name>` or `key:<key>`, if there is one.",
            examples=["dataset:sales"],
        ),
    ] = None
    key: str | None = None
    request: str | None = None
    reason: str | None = None
    correlation: str | None = None
    on_behalf_of: OnBehalfOf = None


class StreamEnd(msgspec.Struct, frozen=True):
    """Data of the last message of a stream, `event: end`."""

    code: Annotated[
        str,
        Meta(
            description="`too_slow`, `unauthenticated` or `shutting_down`.",
            examples=["shutting_down"],
        ),
    ]
    after: Annotated[Seq, Meta(description="Connect again with this as `Last-Event-ID`.")]
