"""Facts made by hand: events, slots and states, with as little said as a test needs."""

import random
from datetime import UTC, datetime, timedelta

import msgspec

from journal.event_parts import version_of
from journal.events import (
    Change,
    ChangeSetCommitted,
    Column,
    Data,
    DatasetRegistered,
    DatasetRestored,
    Event,
    Object,
    ObjectStored,
    Source,
    TypedChange,
)
from journal.slot import (
    FORMAT,
    Header,
    Lake,
    Slot,
    decode_slot,
    encode_events,
    encode_lake,
    format_at,
    genesis,
)
from lakehouse.domain.commands import Context
from lakehouse.domain.rules.datasets import dataset_id
from projections import history
from projections.fold import State, apply, empty, fold
from projections.moment import Moment

LAKE = Lake("0193aaaa-bbbb-7ccc-8ddd-eeeeffff0000", 1, "2026-01-01T00:00:00.000000Z")
LAKE_BODY = encode_lake(LAKE)
ORIGIN = genesis(LAKE_BODY)
EMPTY = empty(ORIGIN)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ACTOR = "tester"


class FakeClock:
    """A clock that a test moves, and that a sleep moves."""

    def __init__(self) -> None:
        self.at = BEGAN
        self.elapsed_s = 0.0
        self.slept_s: list[float] = []

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.elapsed_s

    async def sleep(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)
        self.pass_time(delay_s)

    def pass_time(self, delay_s: float) -> None:
        self.at += timedelta(seconds=delay_s)
        self.elapsed_s += delay_s


def sha(text: str) -> str:
    """A SHA-256 that a test can read: 64 hex digits that begin with the text's own."""
    return text.encode().hex().ljust(64, "0")[:64]


def blob(name: str, mint_seq: int = 0) -> str:
    return f"objects/{sha(name)}-0193aaaa-{mint_seq}-r"


def stored(key: str, bytes_name: str | None = None) -> ObjectStored:
    """The first or next version of a key; `bytes_name` stands for its bytes."""
    named = bytes_name or key
    return ObjectStored(key, blob(named), 10, sha(named), "text/plain")


def item(name: str, row_count: int | None = 5, own_key: bool = True) -> Object:
    """An object of a dataset; with `own_key` its key is its blob, as ingest makes them."""
    return Object(blob(name) if own_key else name, blob(name), 10, sha(name), row_count)


def registered(name: str, *objects: Object, fingerprint: str = "f1", **more: object) -> Data:
    content = DatasetRegistered(
        dataset_id(name), name, fingerprint, None, objects, len(objects), None, (), ()
    )
    return msgspec.structs.replace(content, **more)


def restored(name: str, *objects: Object, as_of_seq: int = 1) -> DatasetRestored:
    fields = (dataset_id(name), name, "f1", None, objects, None, None, (), ())
    return DatasetRestored(as_of_seq, *fields)


def change_set(*changes: Change) -> ChangeSetCommitted:
    return ChangeSetCommitted(tuple(TypedChange(each.TYPE, each) for each in changes))


def schema(**types: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for name, kind in types.items())


def source(name: str, **options: str) -> Source:
    return Source(sha(name), 100, tuple(sorted(options.items())))


def context(key: str | None = None, request: str = "r", actor: str = ACTOR) -> Context:
    return Context(actor, "c", "corr", None, key, request if key else None)


def event(state: State, data: Data, key: str | None = None, request: str = "r") -> Event:
    """The event that would follow on `state`."""
    return Event(
        state.head.seq + 1,
        data.TYPE,
        version_of(data),
        "c",
        key,
        request if key else None,
        ACTOR,
        None,
        None,
        history.about(state.history, data),
        data,
    )


def slot(state: State, *facts: Data | Event, commit: str = "c", at: str | None = None) -> Slot:
    """A slot of these facts that follows on `state`, as read back from its bytes."""
    return decode_slot(slot_body(state, *facts, commit=commit, at=at), state.head.position + 1)


def slot_body(
    state: State, *facts: Data | Event, commit: str = "c", at: str | None = None
) -> bytes:
    events: list[Event] = []
    running = state
    position = state.head.position + 1
    stamp = at or format_at(BEGAN + timedelta(seconds=position))
    for fact in facts:
        made = fact if isinstance(fact, Event) else event(running, fact)
        events.append(made)
        running = apply(running, made, Moment(position, made.seq, stamp))
    header = Header(
        FORMAT, FORMAT, LAKE.lake, position, state.head.sha256, commit, "w-test", stamp,
        state.head.seq + 1, len(events),
    )  # fmt: skip
    return encode_events(header, tuple(events))


def given(*facts: Data | Event) -> State:
    """The state after these facts, each in a slot of its own."""
    state = EMPTY
    for fact in facts:
        state = fold(state, slot(state, fact))
    return state


def chance(seed: int = 1) -> random.Random:
    return random.Random(seed)
