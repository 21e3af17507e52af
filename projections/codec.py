"""A state as bytes and back: canonical, so that equal states are equal bytes, with one root. Pure.

One JSON document a line: the head, then for each part of the state a line that names it and its
content, maps as one line for each pair in the order of their keys.
"""

import hashlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, get_args, get_type_hints

import msgspec
from immutables import Map

from journal.slot import Head
from projections.access import Access
from projections.catalog import Catalog
from projections.fold import STATE_VERSION, State
from projections.history import History
from projections.idempotency import Requests
from projections.inventory import Inventory, Stored
from projections.sources import Sources
from projections.states.heap import growing
from projections.stores import Stores

PARTS: tuple[tuple[str, type[Any]], ...] = (
    ("catalog", Catalog),
    ("inventory", Inventory),
    ("history", History),
    ("requests", Requests),
    ("access", Access),
    ("stores", Stores),
    ("sources", Sources),
)

_ENCODER = msgspec.json.Encoder(order="deterministic")


class StateDamaged(Exception):
    """Bytes that are not a state of this version."""


def encode_state(state: State) -> Iterator[bytes]:
    """The lines of a state, each with its LF."""
    yield _line(["state", STATE_VERSION, state.head, state.format])
    for name, kind in PARTS:
        part = getattr(state, name)
        for field in kind.__struct_fields__:
            value = getattr(part, field)
            if isinstance(value, Map):
                yield _line([name, field, len(value)])
                yield from (_line([key, value[key]]) for key in sorted(value))
            else:
                yield _line([name, field, value])


def state_root(state: State) -> str:
    """SHA-256 (hex) of the state's bytes: equal for equal states, on any machine."""
    digest = hashlib.sha256()
    for line in encode_state(state):
        digest.update(line)
    return digest.hexdigest()


def decode_state(body: bytes) -> State:
    """The inverse of encode_state. Raises StateDamaged."""
    with growing():
        return _decoded(iter(BytesIO(body)), ends=body.endswith(b"\n"))


def _decoded(lines: Iterator[bytes], *, ends: bool) -> State:
    try:
        mark, version, head, format_ = _HEAD.decode(next(lines))
        if mark != "state" or version != STATE_VERSION:
            raise StateDamaged(f"a state of version {version}; this is version {STATE_VERSION}")
        parts = {name: _decode_part(name, kind, lines) for name, kind in PARTS}
        if next(lines, None) is not None or not ends:
            raise StateDamaged("it does not end where it says")
    except (msgspec.DecodeError, StopIteration) as error:
        raise StateDamaged(str(error) or "cut short") from error
    return State(head, format_, **parts)


def _decode_part(name: str, kind: type[Any], lines: Iterator[bytes]) -> Any:
    fields: dict[str, Any] = {}
    names: dict[str, str] = {}
    for field in kind.__struct_fields__:
        part, named, value = _MARK.decode(next(lines))
        if (part, named) != (name, field):
            raise StateDamaged(f"{part}.{named} where {name}.{field} belongs")
        decode = _PAIRS.get((name, field))
        fields[field] = _decode_map(decode, value, lines, names) if decode else value
    return kind(**fields)


def _decode_map(
    decode: Callable[[bytes], Any], count: int, lines: Iterator[bytes], names: dict[str, str]
) -> Map[Any, Any]:
    """One map. `names` has the keys of the part's maps so far: each is held once, not in every map."""
    pairs = Map[Any, Any]().mutate()
    for _ in range(count):
        key, value = decode(next(lines))
        if type(key) is str:
            key = names.setdefault(key, key)
        if type(value) is str:
            value = names.get(value, value)
        elif type(value) is Stored:
            msgspec.structs.force_setattr(value, "blob", names.get(value.blob, value.blob))
            msgspec.structs.force_setattr(value, "key", names.get(value.key, value.key))
        pairs[key] = value
    return pairs.finish()


def _line(value: object) -> bytes:
    return _ENCODER.encode(value) + b"\n"


def _pair_decoders() -> dict[tuple[str, str], Callable[[bytes], Any]]:
    """For each field that is a map, the decoder of its pairs."""
    found: dict[tuple[str, str], Callable[[bytes], Any]] = {}
    for name, kind in PARTS:
        for field, hint in get_type_hints(kind).items():
            if getattr(hint, "__origin__", None) is Map:
                found[name, field] = msgspec.json.Decoder(
                    tuple.__class_getitem__(get_args(hint))
                ).decode
    return found


_HEAD = msgspec.json.Decoder(tuple[str, int, Head, int])
_MARK = msgspec.json.Decoder(tuple[str, str, int])
_PAIRS = _pair_decoders()
