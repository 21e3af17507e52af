"""What happened, as those outside saw it: every request with its answer, every read, every crash."""

from dataclasses import dataclass, field

from lakehouse.domain.commands import Command, IngestDataset
from lakehouse.domain.errors import Refused
from lakehouse.service.changes import Settled


@dataclass(frozen=True)
class Past:
    """A dataset as of an event, to be restored or pinned: the host finds out what it was."""

    name: str
    as_of_seq: int
    pin: bool


@dataclass(frozen=True)
class Staging:
    """A file to be staged first, and committed together with other changes some time later."""

    ingest: IngestDataset
    changes: tuple[Command, ...]


@dataclass(frozen=True)
class Deriving:
    """A statement that reads one dataset, whose result becomes rows of another or is added to it."""

    name: str
    mode: str
    base: str


@dataclass(frozen=True)
class Compacting:
    """Adjacent objects of a dataset, as it is when this is sent, to be merged: `draw` says which."""

    name: str
    draw: int


@dataclass(frozen=True)
class Erasing:
    """Rows of a part, to leave every version: the host finds and rewrites the objects that hold them."""

    name: str
    part: str


Wanted = Command | Past | Staging | Deriving | Compacting | Erasing


@dataclass
class Crashed:
    """The process died before it answered."""


@dataclass
class Request:
    """One asking: a retry is another one, under the same key. `id` goes along as correlation."""

    id: str
    actor: str
    key: str | None
    payload: str
    command: Wanted
    host: str
    sent_at: float
    answered_at: float = 0.0
    stood_still_s: float = 0.0
    """For how long the process was paused meanwhile."""
    read_again: int = 0
    """How often its data was read or uploaded (again)."""
    bringing_s: float = 0.0
    """How long that took."""
    answer: Settled | Refused | Crashed | None = None


@dataclass
class Read:
    """A state that a reader was shown, having asked for at least `min_seq`."""

    host: str
    min_seq: int
    position: int
    seq: int
    sha256: str
    root: str | None


@dataclass
class Record:
    """One run, for the invariants to judge."""

    requests: list[Request] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    roots: dict[str, str] = field(default_factory=dict)
    """State root of each process once all is quiet."""
    halts: list[str] = field(default_factory=list)
    """Processes that stopped writing, or died of an error of their own."""
    deleted: list[tuple[float, str]] = field(default_factory=list)
    """What the store deleted, and when."""
    landed: list[tuple[float, str]] = field(default_factory=list)
    """What came into the store, and when; a key may come again after it was deleted."""
    foreign: set[str] = field(default_factory=set)
    """Objects of others in the same bucket."""
    retention_s: float = 0.0
    forbidden: set[str] = field(default_factory=set)
    """Hosts whose clock was always far off."""
