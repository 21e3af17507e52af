"""The form of every refusal, over HTTP and on the command line. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.fields import ErrorRow


class Problem(msgspec.Struct, frozen=True):
    """A refusal (RFC 9457). Decide by `code`: it is stable, the texts are not."""

    type: Annotated[
        str,
        Meta(description="URN of the code.", examples=["urn:lakehouse:error:dataset_not_found"]),
    ]
    title: Annotated[str, Meta(description="The code in words.", examples=["Dataset not found"])]
    status: Annotated[int, Meta(description="HTTP status.", examples=[404])]
    detail: Annotated[
        str,
        Meta(
            description="What happened, and to which thing.",
            examples=["there is no dataset sales"],
        ),
    ]
    code: Annotated[str, Meta(description="The error code.", examples=["dataset_not_found"])]
    request_id: Annotated[
        str,
        Meta(
            description="The request's `X-Request-Id`; the log has it too.",
            examples=["3f1c9a52b7d84e0f8a6d5c4b3a291807"],
        ),
    ]
    retryable: Annotated[
        bool, Meta(description="Whether the same request may succeed later.", examples=[False])
    ]
    hint: Annotated[
        str,
        Meta(description="What to do next.", examples=["List the datasets to see which exist."]),
    ]
    errors: (
        Annotated[
            list[ErrorRow], Meta(description="The single things that are wrong.", examples=[[]])
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class CommandProblem(msgspec.Struct, frozen=True):
    """A refusal of the command line, as `--json` prints it to stderr."""

    code: Annotated[str, Meta(description="The error code.", examples=["dataset_not_found"])]
    detail: Annotated[
        str, Meta(description="What happened.", examples=["there is no dataset sales"])
    ]
    errors: Annotated[
        list[ErrorRow], Meta(description="The single things that are wrong.", examples=[[]])
    ]
