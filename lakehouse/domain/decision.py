"""What may become of a command: an event's data, or one of these. Pure."""

import enum

import msgspec

from journal.events import Data
from lakehouse.domain.errors import Refused


class Unchanged(msgspec.Struct, frozen=True):
    """The state is already what the command asks for; `since` is the seq of the event that made it so."""

    since: int | None


class Replayed(msgspec.Struct, frozen=True):
    """The same request under the same idempotency key made this event already."""

    position: int
    seq: int


class DataStep(enum.Enum):
    """What a change needs before it can be decided. The service does exactly this step."""

    READ_FILE = "read the file"
    READ_UNDER_CONTRACT = "judge the file by the dataset's present contract"
    CHECK_VALUES = "check the dataset's present values"
    FIND_SOURCES = "find the sources of a restored dataset"
    FIND_ROWS = "find the rows and rewrite their objects"
    FIND_LAST_CHANGE = "find the dataset's last change of rows or schema"
    PLAN_AGAIN = "plan the compaction again"
    REBUILD = "rebuild collected objects from what compaction made of them"
    UPLOAD = "upload"
    UPLOAD_AGAIN = "upload again under a fresh key"
    """What was uploaded has been marked by gc before an event referred to it."""


class NeedsData(msgspec.Struct, frozen=True):
    """The change is possible, but this step comes first; `detail` says why, for people."""

    step: DataStep
    detail: str


Answer = Unchanged | Replayed | NeedsData | Refused
"""A decision without an event.

It speaks about the present, so it is valid only together with a proof of the present.
"""
Decision = Data | Answer
