"""Owns the size of a refusal's answer: at most 64 KiB, as JSON. Pure; it must never change code or status."""

from collections.abc import Sequence

import msgspec

from lakehouse.api.fields import ErrorRow
from lakehouse.api.problem import Problem

MAX_PROBLEM_BYTES = 65_536
MAX_DETAIL_CHARACTERS = 4_096
"""In JSON a character takes up to 6 bytes, so this leaves room for rows of `errors`."""
_ENCODER = msgspec.json.Encoder()


def encoded_problem(problem: Problem) -> bytes:
    """`problem` as JSON; one that is too large names as many rows of `errors` as there is room for."""
    encoded = _ENCODER.encode(problem)
    if len(encoded) <= MAX_PROBLEM_BYTES:
        return encoded
    rows: Sequence[ErrorRow] = () if problem.errors is msgspec.UNSET else problem.errors
    detail = _cut(problem.detail)
    counted = f"{detail} (errors lists {len(rows):,} of {len(rows):,})" if rows else detail
    frame = msgspec.structs.replace(problem, detail=counted, errors=[])
    first = _first(rows, MAX_PROBLEM_BYTES - len(_ENCODER.encode(frame)))
    if len(first) < len(rows):
        detail += f" (errors lists {len(first):,} of {len(rows):,})"
    kept = list(first) if rows else msgspec.UNSET
    return _ENCODER.encode(msgspec.structs.replace(problem, detail=detail, errors=kept))


def _cut(detail: str) -> str:
    whole = len(detail) <= MAX_DETAIL_CHARACTERS
    return detail if whole else detail[: MAX_DETAIL_CHARACTERS - 1] + "…"


def _first(rows: Sequence[ErrorRow], room: int) -> Sequence[ErrorRow]:
    """The first rows that fit into `room` bytes, with the commas between them."""
    for index, row in enumerate(rows):
        room -= len(_ENCODER.encode(row)) + 1
        if room < 0:
            return rows[:index]
    return rows
