"""One batch: commands decided in order, each on the state after the one before. Pure.

Encodes the events as a slot, and folds the decoded bytes, never the events before encoding.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from journal.event_lines import decode_event, encode_event
from journal.event_parts import version_of
from journal.events import Data, Event
from journal.slot import (
    BATCH_BYTES,
    BATCH_EVENTS,
    COMMAND_BYTES,
    FORMAT,
    Header,
    Slot,
    encode_slot,
    next_at,
    sha256_hex,
)
from lakehouse.domain.commands import Command, Context
from lakehouse.domain.decide import decide
from lakehouse.domain.decision import NeedsData, Replayed, Unchanged
from lakehouse.domain.errors import Refused
from projections import history
from projections.fold import State, apply, close
from projections.moment import Moment


class Recorded(msgspec.Struct, frozen=True):
    """A command became this event; `state` is the state right after it."""

    event: Event
    moment: Moment
    state: State


class Answered(msgspec.Struct, frozen=True):
    """A command needs no event; `state` is the state that it was decided on."""

    decision: Unchanged | Replayed | NeedsData | Refused
    state: State


class CommandFailed(msgspec.Struct, frozen=True):
    """Deciding this command failed; the rest of the batch goes on."""

    error: Exception


Outcome = Recorded | Answered | CommandFailed
Asked = tuple[Command, Context]


class Stamp(msgspec.Struct, frozen=True):
    """The values of a slot that are not decided: lake, commit id, writer, time."""

    lake: str
    commit: str
    writer: str
    now: datetime


class Closed(msgspec.Struct, frozen=True):
    """A slot that is ready to be put: its bytes, their decoded form, and the state after it."""

    body: bytes
    slot: Slot
    state: State


class Batch(msgspec.Struct, frozen=True):
    """The commands that fit one slot, decided on the state before `position`.

    `closed` is None when none of them became an event.
    """

    outcomes: tuple[Outcome, ...]
    position: int
    commit: str
    closed: Closed | None


class _Building:
    """A batch while commands are added to it."""

    def __init__(self, state: State, stamp: Stamp) -> None:
        self.base = state
        self.state = state
        self.stamp = stamp
        self.at = next_at(stamp.now, state.head.at)
        self.lines: list[bytes] = []
        self.events: list[Event] = []
        self.outcomes: list[Outcome] = []
        self.size_bytes = 0

    def add(self, asked: Asked) -> bool:
        """Decide one command. Returns False and does nothing when its event must wait for the next slot."""
        command, context = asked
        try:
            decision = decide(self.state, command, context)
            if isinstance(decision, Unchanged | Replayed | NeedsData | Refused):
                self.outcomes.append(Answered(decision, self.state))
                return True
            line = encode_event(_event(self.state, decision, context))
            event = decode_event(line)
        except Exception as error:  # noqa: BLE001  a command that makes these raise fails alone
            self.outcomes.append(CommandFailed(error))
            return True
        return self._add_event(line, event)

    def _add_event(self, line: bytes, event: Event) -> bool:
        if len(line) > COMMAND_BYTES:
            detail = (
                f"its event would have {len(line):,} bytes; at most {COMMAND_BYTES:,} are allowed"
            )
            self.outcomes.append(Answered(Refused("command_too_large", detail), self.state))
            return True
        full = self.size_bytes + len(line) > BATCH_BYTES or len(self.lines) >= BATCH_EVENTS
        if self.lines and full:
            return False
        moment = Moment(self.base.head.position + 1, event.seq, self.at)
        self.state = apply(self.state, event, moment)
        self.lines.append(line)
        self.events.append(event)
        self.size_bytes += len(line)
        self.outcomes.append(Recorded(event, moment, self.state))
        return True

    def batch(self) -> Batch:
        """Close it: the slot's bytes, and the state after them."""
        position = self.base.head.position + 1
        outcomes = tuple(self.outcomes)
        if not self.lines:
            return Batch(outcomes, position, self.stamp.commit, None)
        header = self._header(position)
        body = encode_slot(header, self.lines)
        slot = Slot(header, tuple(self.events), sha256_hex(body))
        closed = Closed(body, slot, close(self.state, slot))
        return Batch(outcomes, position, self.stamp.commit, closed)

    def _header(self, position: int) -> Header:
        head = self.base.head
        return Header(
            FORMAT,
            FORMAT,
            self.stamp.lake,
            position,
            head.sha256,
            self.stamp.commit,
            self.stamp.writer,
            self.at,
            head.seq + 1,
            len(self.events),
        )


def build(state: State, asked: Sequence[Asked], stamp: Stamp) -> Batch:
    """Decide commands in order until one does not fit; `outcomes` has one for each that did."""
    building = _Building(state, stamp)
    for each in asked:
        if not building.add(each):
            break
    return building.batch()


def _event(state: State, data: Data, context: Context) -> Event:
    return Event(
        state.head.seq + 1,
        data.TYPE,
        version_of(data),
        context.command,
        context.key,
        context.request,
        context.actor,
        context.reason,
        context.correlation,
        history.about(state.history, data),
        data,
        context.on_behalf_of,
    )
