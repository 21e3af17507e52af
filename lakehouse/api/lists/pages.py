"""Pages of the lists that are held as a whole: their parameters, and the cut. Pure."""

from collections.abc import Callable
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
from msgspec import Meta

from lakehouse.api.fields import AfterText, AsOfText
from lakehouse.api.versioned import Versioned

T = TypeVar("T", bound=msgspec.Struct)

OptionalLimit = (
    Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="Maximum number of rows in the page; all rows without it.",
            examples=[100],
        ),
    ]
    | None
)
NextRow = Annotated[
    str | None,
    Meta(description="`after` of the next page; null if this is the last.", examples=[None]),
]


class PageQuery(msgspec.Struct, frozen=True):
    """Which page of a list."""

    after: AfterText = ""
    limit: OptionalLimit = None


class PageAsOfQuery(msgspec.Struct, frozen=True):
    """Which page of a list, as of which moment."""

    as_of: AsOfText | None = None
    after: AfterText = ""
    limit: OptionalLimit = None


class _Page(Protocol):
    """Which page a query asks for."""

    @property
    def after(self) -> str: ...

    @property
    def limit(self) -> int | None: ...


def page_of(
    found: Versioned[T], rows: str, cursor: Callable[[Any], str], query: _Page
) -> Versioned[T]:
    """The answer with one page of its member `rows`, in the order of `cursor`, and its `next`.

    `cursor` gives each row a text of its own, which stays the same while the row is there.
    """
    every = getattr(found.body, rows)
    later = sorted((each for each in every if cursor(each) > query.after), key=cursor)
    page = later[: query.limit]
    more = cursor(page[-1]) if len(page) < len(later) else None
    body = msgspec.structs.replace(found.body, **{rows: page, "next": more})
    return msgspec.structs.replace(found, body=body)
