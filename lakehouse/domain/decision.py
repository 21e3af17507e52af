"""What may become of a command: an event's data, or one of these. Pure."""

import msgspec

from journal.events import Data
from lakehouse.domain.errors import Refused


class Unchanged(msgspec.Struct, frozen=True):
    """What is asked for is so already; `since` is the seq of the event that made it so, if any did."""

    since: int | None


class Replayed(msgspec.Struct, frozen=True):
    """The same request under the same idempotency key made this event already."""

    position: int
    seq: int


class NeedsData(msgspec.Struct, frozen=True):
    """The change is wanted, but its bytes must be read or uploaded (again) first."""

    why: str
    again: bool = False
    """Whether they had been uploaded, and were marked for collection before anything referred to them."""


Decision = Data | Unchanged | Replayed | NeedsData | Refused
