"""What the journal answers, and the process about itself."""

from typing import Any

from lakehouse.web.shapes.shape import Shape


class Mention(Shape, frozen=True):
    """An entity that an event is about; `prev` is [slot, seq] of its event before, null at first."""

    entity: str
    prev: tuple[int, int] | None


class JournalEvent(Shape, frozen=True):
    """An event as it stands in the journal, with its slot's position and time."""

    seq: int
    position: int
    at: str
    type: str
    v: int
    command: str
    key: str | None
    request: str | None
    actor: str
    reason: str | None
    correlation: str | None
    about: list[Mention]
    data: dict[str, Any]


class EventPage(Shape, frozen=True):
    """Events, oldest first; `next` goes into `after`, null at the end."""

    events: list[JournalEvent]
    next: int | None


class JournalHead(Shape, frozen=True):
    """The last event and its slot; of an empty journal 0, 0, null, null."""

    seq: int
    slot: int
    sha256: str | None
    at: str | None


class Health(Shape, frozen=True):
    """The process runs."""

    status: str
    service: str


class Ready(Shape, frozen=True):
    """The process can serve, and has folded up to `seq`."""

    status: str
    seq: int
