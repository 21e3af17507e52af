"""Pins: past versions of datasets that are kept whatever their age. Pure.

Owns how events move the pins of an inventory, and in how many pins each blob is.
"""

from collections.abc import Mapping
from typing import assert_never

from journal.events import DatasetPinned, DatasetRenamed, DatasetsSwapped, DatasetUnpinned
from projections.moment import Moment
from projections.overlay import Overlay

Pin = tuple[int, tuple[str, ...]]
"""(seq of the event that pinned it, the blobs that it keeps)."""
PinChange = DatasetPinned | DatasetUnpinned | DatasetRenamed | DatasetsSwapped


def pin_name(name: str, as_of_seq: int) -> str:
    """The key of a pin; the case of the dataset's name does not matter."""
    return f"{name.lower()}@{as_of_seq}"


def apply(
    pins: Overlay[str, Pin], pinned: Overlay[str, int], data: PinChange, moment: Moment
) -> None:
    """Fold one change into the pins, and into the number of pins that each blob is in."""
    match data:
        case DatasetPinned():
            name = pin_name(data.name, data.as_of_seq)
            _set(pins, pinned, name, (moment.seq, data.blobs))
        case DatasetUnpinned():
            _remove(pins, pinned, pin_name(data.name, data.as_of_seq))
        case DatasetRenamed():
            _move(pins, pinned, {data.name.lower(): data.to.lower()})
        case DatasetsSwapped():
            a, b = data.a.lower(), data.b.lower()
            _move(pins, pinned, {a: b, b: a})
        case _:
            assert_never(data)


def erase(
    pins: Overlay[str, Pin], pinned: Overlay[str, int], successors: Mapping[str, str | None]
) -> None:
    """Let every pin keep the successors of the blobs that were replaced; None: there is none."""
    for name, (seq, blobs) in pins.items():
        if any(blob in successors for blob in blobs):
            kept = dict.fromkeys(successors.get(blob, blob) for blob in blobs)
            _set(pins, pinned, name, (seq, tuple(blob for blob in kept if blob is not None)))


def _set(pins: Overlay[str, Pin], pinned: Overlay[str, int], name: str, pin: Pin) -> None:
    _remove(pins, pinned, name)
    pins.put(name, pin)
    for blob in pin[1]:
        pinned.put(blob, (pinned.find(blob) or 0) + 1)


def _remove(pins: Overlay[str, Pin], pinned: Overlay[str, int], name: str) -> None:
    pin = pins.find(name)
    if pin is None:
        return
    pins.drop(name)
    for blob in pin[1]:
        left = (pinned.find(blob) or 0) - 1
        if left > 0:
            pinned.put(blob, left)
        else:
            pinned.drop(blob)


def _move(pins: Overlay[str, Pin], pinned: Overlay[str, int], names: dict[str, str]) -> None:
    """Keep the pins of these datasets under their new names.

    A pin that a dropped dataset has left under the new name and the same seq becomes one with it.
    """
    moved = sorted((name, pin) for name, pin in pins.items() if name.rpartition("@")[0] in names)
    for name, _ in moved:
        _remove(pins, pinned, name)
    for name, (seq, blobs) in moved:
        dataset, _, as_of_seq = name.rpartition("@")
        target = pin_name(names[dataset], int(as_of_seq))
        was_seq, was_blobs = pins.find(target) or (0, ())
        merged = tuple(dict.fromkeys(was_blobs + blobs))
        _set(pins, pinned, target, (max(was_seq, seq), merged))
