"""Nearest rows: parameters. The answer is a result of SQL. Pure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lakehouse.api.fields import DatasetName, ProfileName
from lakehouse.api.sql import QueriedMoment, ResultFormat, TimeoutMs

MOST_ROWS = 10_000
MOST_NUMBERS = 16_384
"""Of a vector: models in use have up to 8,192."""
Metric = Literal["cosine", "l2", "ip"]


class VectorSearchRequest(msgspec.Struct, frozen=True):
    """The rows whose vector is nearest to one. Unknown members are ignored."""

    dataset: DatasetName
    column: Annotated[str, Meta(description="The column of vectors.", examples=["embedding"])]
    vector: Annotated[
        list[float],
        Meta(
            min_length=1,
            max_length=MOST_NUMBERS,
            description="The vector to compare with, as long as those of the column.",
            examples=[[0.1, 0.2, 0.3]],
        ),
    ]
    k: Annotated[int, Meta(ge=1, le=MOST_ROWS, description="How many rows at most.", examples=[10])]
    filter: Annotated[
        str | None,
        Meta(
            description="A boolean expression over the dataset's columns, without subqueries and "
            "random functions: only rows that fulfil it are compared.",
            examples=["lang = 'en'"],
        ),
    ] = None
    metric: Annotated[
        Metric,
        Meta(
            description="`cosine`: 1 minus the cosine of the angle; `l2`: Euclidean distance; `ip`: the "
            "negative inner product."
        ),
    ] = "cosine"
    as_of: QueriedMoment = None
    profile: ProfileName = None
    columns: Annotated[
        Annotated[list[str], Meta(min_length=1)] | None,
        Meta(
            description="The columns of the result, before `distance`; the default is all.",
            examples=[["id", "title"]],
        ),
    ] = None
    timeout_ms: TimeoutMs = None
    format: ResultFormat = None
