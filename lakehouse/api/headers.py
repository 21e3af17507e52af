"""Headers that every route reads or sends. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.fields import Seq


class ReadHeaders(msgspec.Struct, frozen=True):
    """Headers of every request."""

    actor: Annotated[
        str | None,
        Meta(
            description="Who sends the request, up to 1 KiB. It is not verified.",
            examples=["ana@example.org"],
        ),
    ] = msgspec.field(name="X-Actor", default=None)
    min_seq: Annotated[
        Seq | None,
        Meta(
            description="Answer from a state that includes this event; wait up to 5 seconds for it.",
            examples=[41],
        ),
    ] = msgspec.field(name="X-Min-Seq", default=None)


class ChangeHeaders(ReadHeaders, frozen=True):
    """Headers of every request that may change something."""

    idempotency_key: Annotated[
        Annotated[str, Meta(pattern="^[!-~]{1,128}$")] | None,
        Meta(
            description="1 to 128 visible ASCII characters. A request that is sent again with the "
            "same key is carried out once.",
            examples=["load-7"],
        ),
    ] = msgspec.field(name="Idempotency-Key", default=None)
    reason: Annotated[
        str | None,
        Meta(
            description="Why the change is made, up to 1 KiB; it is stored with the event.",
            examples=["monthly load"],
        ),
    ] = msgspec.field(name="X-Change-Reason", default=None)


class AnswerHeaders(msgspec.Struct, frozen=True):
    """Headers of every answer."""

    request_id: Annotated[
        str,
        Meta(
            description="The request's own `X-Request-Id`, or a new one.",
            examples=["3f1c9a52b7d84e0f8a6d5c4b3a291807"],
        ),
    ] = msgspec.field(name="X-Request-Id")
    journal_seq: Annotated[
        Seq,
        Meta(description="The event at which a change became true, or up to which a read is true."),
    ] = msgspec.field(name="X-Journal-Seq")
