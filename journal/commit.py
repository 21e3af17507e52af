"""The commit protocol as a table: what an answer means, and what to do next. Pure.

FORMAT.md, "Committing slot N", has the scenario behind each rule. Must never do I/O, and never
let a slot count as lost or failed while one of our own attempts at it may still land.
"""

import enum

import msgspec

from journal.bucket.port import Answer


class Step(enum.Enum):
    """What a writer does next about slot N."""

    PUT_AGAIN = "put again"
    """The same bytes to the same slot; never N+1 while N is unknown."""
    READ = "read"
    """GET N to see whose commit it is."""
    COMMITTED = "committed"
    LOST = "lost"
    """Another writer's bytes are in N: fold them, then decide every command again."""
    FAILED = "failed"
    """Certainly not committed, and a retry will not help."""
    BROKEN = "broken"
    """The store broke a guarantee that the protocol needs: stop writing."""


class Found(enum.Enum):
    """What a GET of slot N showed."""

    OURS = "ours"
    ANOTHERS = "another's"
    ABSENT = "absent"


class Progress(msgspec.Struct, frozen=True):
    """What is known of our attempts at one slot."""

    step: Step = Step.PUT_AGAIN
    doubtful: bool = False
    """An earlier attempt may have landed, or may land later."""
    taken: bool = False
    """The store answered 412: the slot exists."""
    pause: bool = False
    """Back off before the next step."""


def after_put(before: Progress, answer: Answer) -> Progress:
    """Progress once the store has answered a PUT of our bytes with If-None-Match."""
    doubtful = before.doubtful
    match answer:
        case Answer.CREATED:
            return Progress(Step.COMMITTED)
        case Answer.EXISTS:
            return Progress(Step.READ, doubtful, taken=True)
        case Answer.CONFLICT:
            return Progress(Step.PUT_AGAIN, doubtful=True, pause=True)
        case Answer.UNKNOWN:
            return Progress(Step.READ, doubtful=True, pause=True)
        case Answer.REFUSED if doubtful:
            return Progress(Step.READ, doubtful=True, pause=True)
        case Answer.REFUSED:
            return Progress(Step.FAILED)


def after_read(before: Progress, found: Found | None) -> Progress:
    """Progress once slot N was read; None when the read itself had no answer."""
    match found:
        case None:
            return Progress(Step.READ, before.doubtful, before.taken, pause=True)
        case Found.OURS:
            return Progress(Step.COMMITTED)
        case Found.ANOTHERS:
            return Progress(Step.LOST)
        case Found.ABSENT if before.taken:
            return Progress(Step.BROKEN)
        case Found.ABSENT:
            return Progress(Step.PUT_AGAIN, before.doubtful)
