"""Access: principals, tokens and grants; parameters and answers. Pure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lakehouse.api.fields import MAX_INTEGER, AfterText, Count, Seq, Time
from lakehouse.api.lists.pages import NextRow, OptionalLimit

PrincipalName = Annotated[
    str,
    Meta(
        description="Name of the principal: 1 to 128 of A-Z, a-z, 0-9 and . _ @ + -.",
        examples=["ana@example.org"],
    ),
]
Kind = Annotated[
    Literal["user", "service"], Meta(description="A person or a program.", examples=["user"])
]
Right = Literal["read", "write", "manage"]
Rights = Annotated[
    list[Right],
    Meta(description="What the principal may do; none includes another.", examples=[["read"]]),
]
GrantPattern = Annotated[
    str,
    Meta(
        description="A name, the beginning of names and `*`, `*`, or `storage:` and a key or its "
        "beginning and `*`. The case of names does not matter.",
        examples=["sales_*"],
    ),
]
TokenId = Annotated[str, Meta(description="Id of the token.", examples=["7k2mfq8xw3hd"])]
ExpiresAt = Annotated[
    str | None,
    Meta(
        description="When it expires; null: it does not.", examples=["2027-01-01T00:00:00.000000Z"]
    ),
]
Note = Annotated[str | None, Meta(description="A note.", examples=["laptop"])]
MaxLimit = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]


class Limits(msgspec.Struct, frozen=True):
    """What a principal may use; null: as much as the process allows."""

    queries: Annotated[MaxLimit | None, Meta(description="Queries that run at once.")] = None
    waiting: Annotated[Count | None, Meta(description="Queries that wait for a worker.")] = None
    ingests: Annotated[MaxLimit | None, Meta(description="Files received at once.")] = None
    connections: Annotated[MaxLimit | None, Meta(description="Requests answered at once.")] = None
    bytes_per_day: Annotated[
        MaxLimit | None, Meta(description="Bytes received and sent by a process in 24 hours.")
    ] = None


class PutPrincipalRequest(msgspec.Struct, frozen=True):
    """A principal. Unknown members are ignored."""

    kind: Kind
    admin: Annotated[bool, Meta(description="Whether it may do everything.")] = False
    profile: Annotated[
        str | None,
        Meta(
            description="The profile of all its reads; it cannot choose another.", examples=[None]
        ),
    ] = None
    disabled: Annotated[bool, Meta(description="Whether its tokens are refused.")] = False
    limits: Limits = Limits()


class Principal(msgspec.Struct, frozen=True):
    """A principal."""

    name: PrincipalName
    kind: Annotated[str, Meta(description="`user` or `service`.", examples=["user"])]
    admin: Annotated[bool, Meta(description="Whether it may do everything.")]
    profile: Annotated[str | None, Meta(description="The profile of all its reads.")]
    disabled: Annotated[bool, Meta(description="Whether its tokens are refused.")]
    limits: Limits
    created_at: Time
    updated_at: Time
    seq: Annotated[Seq, Meta(description="The event that last changed it.")]


class PrincipalList(msgspec.Struct, frozen=True):
    """All principals in name order."""

    principals: list[Principal]
    seq: Seq
    next: NextRow = None


class PrincipalDropped(msgspec.Struct, frozen=True):
    """A principal that was dropped, with its tokens and grants."""

    name: PrincipalName
    seq: Annotated[Seq, Meta(description="The event that dropped it.")]


class IssueTokenRequest(msgspec.Struct, frozen=True):
    """Whose token, and until when. Unknown members are ignored."""

    principal: PrincipalName
    expires_in: Annotated[
        int | str | None,
        Meta(
            description="Seconds, or a span such as 30d or 12h; null: no expiry.", examples=["30d"]
        ),
    ] = None
    note: Note = None


class IssuedToken(msgspec.Struct, frozen=True):
    """A new token. `token` is shown this once; null when the request was sent before."""

    principal: PrincipalName
    id: TokenId
    token: Annotated[
        str | None, Meta(description="The token: `lh_<id>_<secret>`.", examples=["lh_7k2m_9x4c"])
    ]
    expires_at: ExpiresAt
    seq: Annotated[Seq, Meta(description="The event that records it.")]


class ListedToken(msgspec.Struct, frozen=True):
    """A token that was not revoked, without its secret."""

    id: TokenId
    principal: PrincipalName
    expires_at: ExpiresAt
    expired: Annotated[bool, Meta(description="Whether it has expired.")]
    note: Note
    issued_at: Time
    seq: Annotated[Seq, Meta(description="The event that records it.")]


class TokenList(msgspec.Struct, frozen=True):
    """The tokens that the caller may see: an admin all of them, others their own."""

    tokens: list[ListedToken]
    seq: Seq
    next: NextRow = None


class TokenRevoked(msgspec.Struct, frozen=True):
    """A token that is no longer accepted."""

    id: TokenId
    principal: PrincipalName
    seq: Annotated[Seq, Meta(description="The event that revoked it.")]


class PutGrantRequest(msgspec.Struct, frozen=True):
    """Who may do what on what. Unknown members are ignored."""

    principal: PrincipalName
    on: GrantPattern
    can: Rights


class Grant(msgspec.Struct, frozen=True):
    """A grant."""

    principal: PrincipalName
    on: GrantPattern
    can: Annotated[list[str], Meta(description="The rights.", examples=[["read"]])]
    updated_at: Time
    seq: Annotated[Seq, Meta(description="The event that last changed it.")]


class GrantQuery(msgspec.Struct, frozen=True):
    """Query of DELETE /v1/access/grants."""

    principal: PrincipalName
    on: GrantPattern


class ListGrantsQuery(msgspec.Struct, frozen=True):
    """Query of GET /v1/access/grants."""

    principal: PrincipalName | None = None
    after: AfterText = ""
    limit: OptionalLimit = None


class GrantList(msgspec.Struct, frozen=True):
    """Grants by principal and pattern."""

    grants: list[Grant]
    seq: Seq
    next: NextRow = None


class GrantDropped(msgspec.Struct, frozen=True):
    """A grant that was removed."""

    principal: PrincipalName
    on: GrantPattern
    seq: Annotated[Seq, Meta(description="The event that removed it.")]


class Me(msgspec.Struct, frozen=True):
    """Who sends the request, and what it may do."""

    principal: Annotated[
        str | None, Meta(description="The principal; null in an open lake.", examples=["ana"])
    ]
    kind: Annotated[str | None, Meta(description="`user` or `service`.", examples=["user"])]
    admin: Annotated[bool, Meta(description="Whether it may do everything.")]
    profile: Annotated[str | None, Meta(description="The profile of all its reads.")]
    limits: Limits
    grants: list[Grant]
    seq: Seq
