"""Arrow columns as JSON text, exactly, one whole column at a time. Pure.

Owns how each type looks in JSON. Nothing is rounded: what JSON's number cannot hold becomes a
string. Works on whole arrays inside Arrow, since one Python object per value costs ten times more;
the rare types that Arrow cannot print go through `render_special` value by value.
"""

import base64
import uuid
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.query.render import render_special

Array: TypeAlias = Any
"""A pyarrow.Array, which has no types."""
SAFE = 2**53
TEXT = pa.large_string()
_CONTROLS = bytes(range(0x20))
_ESCAPED = _CONTROLS + b'"\\'
_FIRST_DAY, _LAST_DAY = -719162, 2932896
_LAST_TICK = 2**63 - 2
"""The next is DuckDB's infinity, in any unit."""
_SECONDS_A_DAY = 86_400
PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def json_text(array: Array) -> Array:
    """Return one JSON text per value, `null` for null; nested types inside out."""
    if isinstance(array.type, pa.BaseExtensionType):
        rendered = _extension(array)
    else:
        rendered = _renderer(array.type)(array)
    text = rendered if rendered.type == TEXT else rendered.cast(TEXT)
    return pc.fill_null(text, "null") if text.null_count else text


def joined(opening: str, parts: list[Array], closing: str) -> Array:
    """`opening` part,part… `closing` for each row; null where a part is null."""
    if len(parts) > 1:
        parts = [pc.binary_join_element_wise(*parts, _scalar(","))]
    return pc.binary_join_element_wise(_scalar(opening), *parts, _scalar(closing), _empty())


def member(name: str, text: Array) -> Array:
    """A JSON object's member for each value's JSON text."""
    return joined(msgspec.json.encode(name).decode() + ":", [text], "")


def _renderer(kind: pa.DataType) -> Callable[[Array], Array]:
    for matches, render in _RENDERERS:
        if matches(kind):
            return render
    # `exact_casts` casts what Arrow cannot hold to VARCHAR: only a new DuckDB brings another type.
    raise TypeError(f"no JSON for the Arrow type {kind}")


def _nothing(array: Array) -> Array:
    return pa.nulls(len(array), TEXT)


def _integers(array: Array) -> Array:
    text = array.cast(TEXT)
    if array.type.bit_width <= 32 or within(array, -SAFE, SAFE):
        return text
    return pc.if_else(_beyond(array, pa.scalar(SAFE, array.type)), _quoted(text), text)


def _beyond(array: Array, limit: pa.Scalar) -> Array:
    above = pc.greater(array, limit)
    if pa.types.is_unsigned_integer(array.type):
        return above
    return pc.or_(above, pc.less(array, pc.negate(limit)))


def hugeint_decimals(storage: Array) -> Array:
    """The bytes of an Arrow decimal of scale 0 are those of a HUGEINT; its printing has no limit."""
    return pa.Array.from_buffers(
        pa.decimal128(38, 0), len(storage), storage.buffers(), offset=storage.offset
    )


def _hugeints(storage: Array) -> Array:
    decimals = hugeint_decimals(storage)
    text = decimals.cast(pa.string()).cast(TEXT)
    return pc.if_else(_beyond(decimals, pa.scalar(SAFE, decimals.type)), _quoted(text), text)


def _floats(array: Array) -> Array:
    text = array.cast(TEXT)  # the shortest that reads back as the same FLOAT or DOUBLE
    integral = pc.equal(array, pc.floor(array))
    if pc.any(integral, min_count=0).as_py():
        bare = pc.and_not(integral, pc.match_substring(text, "e"))
        text = pc.if_else(bare, joined("", [text], ".0"), text)
    if pc.all(pc.is_finite(array), min_count=0).as_py() is not False:
        return text
    named = pc.case_when(
        pc.make_struct(pc.is_nan(array), pc.equal(array, float("inf")), pc.is_finite(array)),
        '"NaN"',
        '"Infinity"',
        text,
        '"-Infinity"',
    )
    return pc.if_else(pc.is_valid(array), named, pa.scalar(None, TEXT))


def _decimals(array: Array) -> Array:
    scale = array.type.scale
    # Arrow prints small decimals as 1E-10, so print the digits alone and place the point here.
    whole = pa.Array.from_buffers(
        pa.decimal128(38, 0), len(array), array.buffers(), offset=array.offset
    )
    if scale == 0:
        return _quoted(whole.cast(pa.string()).cast(TEXT))
    digits = pc.utf8_lpad(pc.abs(whole).cast(pa.string()), scale + 1, "0")
    sign = pc.if_else(pc.less(whole, pa.scalar(0, whole.type)), "-", "")
    before = pc.utf8_slice_codeunits(digits, 0, -scale)
    after = pc.utf8_slice_codeunits(digits, -scale)
    point = pc.binary_join_element_wise(before, after, ".")
    return _quoted(pc.binary_join_element_wise(sign, point, "").cast(TEXT))


def _strings(array: Array) -> Array:
    text = array.cast(TEXT)
    if not _has_any(text, _ESCAPED):
        return _quoted(text)
    text = pc.replace_substring(text, "\\", "\\\\")
    text = pc.replace_substring(text, '"', '\\"')
    if has_controls(text):
        for code in range(0x20):
            text = pc.replace_substring(text, chr(code), f"\\u{code:04x}")
    return _quoted(text)


def has_controls(text: Array) -> bool:
    """Whether any string contains a control character."""
    return _has_any(text, _CONTROLS)


def _has_any(text: Array, among: bytes) -> bool:
    """Whether any value contains one of these ASCII bytes: one search of the joined values."""
    offsets = text.buffers()[1]
    if not len(text) or offsets is None:
        return False
    bounds = memoryview(offsets).cast("q" if text.type == TEXT else "i")
    start, end = bounds[text.offset], bounds[text.offset + len(text)]
    data = memoryview(text.buffers()[2] or b"")[start:end].tobytes()
    return len(data.translate(None, among)) != len(data)


def _dictionary(array: Array) -> Array:
    return pc.take(json_text(array.dictionary), array.indices)


def _dates(array: Array) -> Array:
    days = array.view(pa.int32())
    if dates_are_plain(days):
        return _quoted(array.cast(TEXT))
    return _each(days, render_special.date_text)


def _timestamps(array: Array) -> Array:
    unit, zone = array.type.unit, "Z" if array.type.tz else ""
    ticks = array.view(pa.int64())
    if not ticks_are_plain(ticks, unit):
        return _each(
            ticks, lambda tick: render_special.timestamp_text(tick, PER_SECOND[unit], zone)
        )
    text = ticks.view(pa.timestamp(unit)).cast(TEXT)
    text = pc.replace_substring(text, " ", "T", max_replacements=1)
    return _quoted(_without_zeros(text, unit), zone)


def dates_are_plain(days: Array) -> bool:
    """Whether all are years of four digits, which Arrow prints."""
    return within(days, _FIRST_DAY, _LAST_DAY)


def ticks_are_plain(ticks: Array, unit: str) -> bool:
    """Whether all timestamps of a unit are in years of four digits, and finite."""
    per_day = PER_SECOND[unit] * _SECONDS_A_DAY
    last = min((_LAST_DAY + 1) * per_day - 1, _LAST_TICK)
    return within(ticks, max(_FIRST_DAY * per_day, -_LAST_TICK), last)


def _times(array: Array) -> Array:
    unit = array.type.unit
    width = pa.int32() if array.type.bit_width == 32 else pa.int64()
    ticks = array.view(width)
    if not within(ticks, 0, _SECONDS_A_DAY * PER_SECOND[unit] - 1):
        return _each(ticks, lambda tick: render_special.time_text(tick, PER_SECOND[unit]))
    return _quoted(_without_zeros(array.cast(TEXT), unit))


def _without_zeros(text: Array, unit: str) -> Array:
    return text if unit == "s" else pc.replace_substring_regex(text, r"\.?0+$", "")


def within(values: Array, low: int, high: int) -> bool:
    """Whether all integers that are not null lie between the bounds."""
    bounds = pc.min_max(values).as_py()
    return bounds["min"] is None or (low <= bounds["min"] and bounds["max"] <= high)


def _binary(array: Array) -> Array:
    return _each(array, lambda value: base64.b64encode(value).decode())


def _list(array: Array) -> Array:
    return _bracketed(array.offsets, json_text(array.values), array)


def _fixed_list(array: Array) -> Array:
    size = array.type.list_size
    values = array.values.slice(array.offset * size, len(array) * size)
    offsets = pa.array(range(0, (len(array) + 1) * size, size) if size else [0] * (len(array) + 1))
    return _bracketed(offsets, json_text(values), array)


def _map(array: Array) -> Array:
    pairs = joined("[", [json_text(array.keys), json_text(array.items)], "]")
    return _bracketed(array.offsets, pairs, array)


def _bracketed(offsets: Array, items: Array, parent: Array) -> Array:
    lists = pa.LargeListArray.from_arrays(offsets.cast(pa.int64()), items)
    return _where_valid(parent, joined("[", [pc.binary_join(lists, _scalar(","))], "]"))


def _struct(array: Array) -> Array:
    names = [field.name for field in array.type]
    # Not flatten(): it aborts the process on a union, which has no validity to combine.
    values = [json_text(array.field(number)) for number in range(len(names))]
    members = [member(name, value) for name, value in zip(names, values, strict=True)]
    return _where_valid(array, joined("{", members, "}"))


def _union(array: Array) -> Array:
    """`{"tag": value}`; a null member is null, since Arrow cannot distinguish it from a null union."""
    members = []
    for number, field in enumerate(array.type):
        value = array.field(number)
        tagged = joined("{", [member(field.name, json_text(value))], "}")
        members.append(_where_valid(value, tagged))
    codes = pc.index_in(array.type_codes.cast(pa.int32()), pa.array(array.type.type_codes))
    return pc.choose(codes, *members)


def _where_valid(parent: Array, text: Array) -> Array:
    return pc.if_else(parent.is_valid(), text, pa.scalar(None, TEXT)) if parent.null_count else text


def _extension(array: Array) -> Array:
    name, storage = extension_name(array.type), array.storage
    if name in ("hugeint", "uhugeint", "bit", "bignum", "time_tz", "uuid", "bool8"):
        return _EXTENSIONS[name](storage)
    return json_text(storage)


def extension_name(kind: pa.DataType) -> str:
    if kind.extension_name == "arrow.opaque":
        return str(kind.type_name)
    return str(kind.extension_name).removeprefix("arrow.")


def _each(array: Array, text: Callable[[Any], str]) -> Array:
    """Render value by value; `text` is ASCII without quotes, so it needs no escaping."""
    quoted = [None if value is None else f'"{text(value)}"' for value in array.to_pylist()]
    return pa.array(quoted, TEXT)


def _quoted(text: Array, suffix: str = "") -> Array:
    return joined('"', [text], suffix + '"')


def _scalar(text: str) -> pa.Scalar:
    return pa.scalar(text, TEXT)


def _empty() -> pa.Scalar:
    return _scalar("")


_EXTENSIONS: dict[str, Callable[[Array], Array]] = {
    "hugeint": _hugeints,
    "uhugeint": lambda storage: pa.array(
        [render_special.unsigned_json(value) for value in storage.to_pylist()], TEXT
    ),
    "bit": lambda storage: _each(storage, render_special.bit_text),
    "bignum": lambda storage: pa.array(
        [render_special.bignum_json(value) for value in storage.to_pylist()], TEXT
    ),
    "time_tz": lambda storage: _each(storage, render_special.time_tz_text),
    "uuid": lambda storage: _each(storage, lambda value: str(uuid.UUID(bytes=value))),
    "bool8": lambda storage: pc.if_else(pc.not_equal(storage, 0), "true", "false"),
}
_RENDERERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Array], Array]], ...] = (
    (pa.types.is_string, _strings),
    (pa.types.is_integer, _integers),
    (pa.types.is_floating, _floats),
    (pa.types.is_decimal128, _decimals),
    (pa.types.is_boolean, lambda array: array.cast(TEXT)),
    (pa.types.is_timestamp, _timestamps),
    (pa.types.is_date32, _dates),
    (pa.types.is_time, _times),
    (pa.types.is_dictionary, _dictionary),
    (pa.types.is_struct, _struct),
    (pa.types.is_map, _map),
    (pa.types.is_fixed_size_list, _fixed_list),
    (pa.types.is_list, _list),
    (pa.types.is_binary, _binary),
    (pa.types.is_union, _union),
    (pa.types.is_null, _nothing),
)
