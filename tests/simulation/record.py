"""What happened, as those outside saw it: every request with its answer, every read, every crash."""

from dataclasses import dataclass, field

from lakehouse.commands import Command
from lakehouse.errors import Refused
from lakehouse.service.changes import Settled


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
    command: Command
    host: str
    sent_at: float
    answered_at: float = 0.0
    stood_still_s: float = 0.0
    """For how long the process was paused meanwhile."""
    read_again: int = 0
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
    forbidden: set[str] = field(default_factory=set)
    """Hosts whose clock was always far off."""
