"""Converts slots to the rows of `lake.events`, column by column. Pure.

Must never decode the data of an event: it is shown as the slot has it, which the slot's hash proves.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import msgspec
import pyarrow as pa

from journal.event_lines import Envelope
from journal.events import TYPES
from journal.slot import SealedSlot, envelopes
from lakehouse.system import view_table
from lakehouse.system.lens import CLEAR, Lens

EVENTS = view_table.EVENTS.columns
_NAMING = frozenset(data.TYPE for data in TYPES if "name" in data.__struct_fields__)
_OWN = (
    "seq",
    "type",
    "v",
    "actor",
    "reason",
    "key",
    "request",
    "correlation",
    "command",
    "on_behalf_of",
)


class _Named(msgspec.Struct):
    name: str


_NAMED = msgspec.json.Decoder(_Named)


def events(slots: Sequence[SealedSlot], through_seq: int | None, lens: Lens = CLEAR) -> pa.Table:
    """`lake.events` of some slots, all of them or those up to `through_seq`, as a lens shows them.

    Raises JournalCorrupt.
    """
    found = [lens.envelopes(_through(slot, through_seq)) for slot in slots]
    rows = [envelope for of_slot in found for envelope in of_slot]
    columns = {name: _column(name, [getattr(row, name) for row in rows]) for name in _OWN}
    columns["position"] = _repeated("position", [slot.header.position for slot in slots], found)
    columns["at"] = _repeated("at", [slot.header.at for slot in slots], found)
    columns["dataset"] = _column("dataset", [_dataset(row) for row in rows])
    columns["data"] = _texts([row.data for row in rows])
    return pa.table([columns[name] for name in EVENTS.names], EVENTS)


def _through(slot: SealedSlot, through_seq: int | None) -> list[Envelope]:
    found = envelopes(slot)
    return found if through_seq is None else found[: through_seq + 1 - slot.header.first_seq]


def _dataset(envelope: Envelope) -> str | None:
    return _NAMED.decode(envelope.data).name if envelope.type in _NAMING else None


def _column(name: str, values: Iterable[Any]) -> Any:
    return pa.array(values, EVENTS.field(name).type)


def _repeated(name: str, values: list[Any], found: list[list[Envelope]]) -> Any:
    """One value per slot, repeated for its events. Times are given as text, as slots write them."""
    kind = EVENTS.field(name).type
    indices = [index for index, of_slot in enumerate(found) for _ in of_slot]
    return pa.array(values).cast(kind).take(pa.array(indices, pa.int32()))


def _texts(pieces: list[msgspec.Raw]) -> Any:
    """Text out of UTF-8 that `seal_slot` has checked, without checking each piece."""
    ends = pa.array([0, *accumulate(map(len, pieces))], pa.int32())
    joined = pa.py_buffer(b"".join(pieces))
    return pa.Array.from_buffers(pa.string(), len(pieces), [None, ends.buffers()[1], joined])
