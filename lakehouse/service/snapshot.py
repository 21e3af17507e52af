"""Which state a read is answered from, and what to answer for what is gone.

Owns no state; must never read an object.
"""

from datetime import datetime

from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.points_in_time import point_in_time
from projections import catalog, inventory
from projections.catalog import Dataset
from projections.fold import State
from projections.states.snapshots import BeyondHead


async def state_as_of(node: Node, as_of: str | int | None) -> State:
    """The state that a read is answered from: as of an event's number, a time, or now.

    Raises RefusedError: `as_of_in_future`, `invalid_request` for what is neither.
    """
    if as_of is None:
        return node.state
    point = point_in_time(as_of)
    if isinstance(point, int):
        return await _as_of_seq(node, point)
    return await _as_of_time(node, point)


def dataset_in(then: State, name: str) -> Dataset:
    """The dataset of that name as it was. Raises RefusedError `dataset_not_found`."""
    was = catalog.find(then.catalog, name)
    if was is None:
        raise RefusedError(no_dataset(then, name))
    return was


def no_dataset(then: State, name: str) -> Refused:
    """The refusal of a dataset that did not exist."""
    detail = f"there was no dataset {name} as of event {then.head.seq}"
    return Refused("dataset_not_found", detail)


def gone(state: State, blob: str, key: str | None = None) -> Refused:
    """Why a blob that is referred to is absent; names the key that the caller asked for."""
    seq = inventory.lost_to(state.inventory, blob)
    if seq is None:
        return Refused("object_lost", "a referenced object is absent from the bucket")
    what = "the bytes" if key is None else f"the bytes of {key!r}"
    return Refused("objects_collected", f"{what} were collected by event {seq}")


def no_object(key: str) -> Refused:
    """The refusal of a key that names nothing."""
    return Refused("object_not_found", f"there is no object {key!r}")


def absent(state: State, key: str) -> Refused:
    """Why a key names nothing. An ingested object's key is its blob, which an erasure may have replaced."""
    erasure = state.inventory.erased.get(key)
    if erasure is None:
        return no_object(key)
    detail = (
        f"rows of the object were erased by event {erasure.seq}; another object holds the others"
    )
    return Refused("objects_collected", detail)


async def _as_of_seq(node: Node, seq: int) -> State:
    if seq > node.state.head.seq:
        await node.refresh()
    try:
        return await node.past.state_at(seq)
    except BeyondHead as error:
        raise RefusedError(Refused("as_of_in_future", str(error))) from error


async def _as_of_time(node: Node, at: datetime) -> State:
    if at > node.clock.now():
        raise RefusedError(Refused("as_of_in_future", f"{at.isoformat()} is in the future"))
    return await node.past.state_at(await node.past.seq_at(at))
