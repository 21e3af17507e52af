"""Random conditions, new values and rows: each as SQL, and as what plain Python makes of it.

Shares no code with the product. Null is None, and a condition on null is None, as in SQL.
"""

import random
from collections.abc import Callable
from typing import Any, NamedTuple

Row = tuple[int, str, int | None, str | None]
"""id, grp, amount, note."""
COLUMNS = ("id", "grp", "amount", "note")
GROUPS = ("north", "south", "east", "west")
NOTES = ("new", "paid", "open", "late, again", 'said "no"')
IDS = range(1, 60)
NULL = "NA"

Truth = bool | None


class Condition(NamedTuple):
    """A condition as SQL, and as a function of a row."""

    sql: str
    holds: Callable[[Row], Truth]


class NewValue(NamedTuple):
    """A column's new value, as SQL and as a function of the old row."""

    column: str
    sql: str
    value: Callable[[Row], Any]


def condition(chance: random.Random, depth: int = 2) -> Condition:
    """Any condition over the columns."""
    draw = chance.random()
    if depth and draw < 0.2:
        return _both(condition(chance, depth - 1), condition(chance, depth - 1))
    if depth and draw < 0.4:
        return _either(condition(chance, depth - 1), condition(chance, depth - 1))
    if depth and draw < 0.5:
        return _not(condition(chance, depth - 1))
    return chance.choice((_by_id, _by_group, _by_amount, _by_note, _by_null))(chance)


def one_id(chance: random.Random) -> Condition:
    """The condition for the rows with one id."""
    wanted = chance.choice(IDS)
    return Condition(f"id = {wanted}", lambda row: row[0] == wanted)


def new_values(chance: random.Random) -> list[NewValue]:
    """New values of one or two columns; the id stays, or becomes one beyond all others."""
    return chance.sample(
        [
            NewValue("grp", "'" + (grp := chance.choice(GROUPS)) + "'", lambda row: grp),
            NewValue("amount", "amount + id", lambda row: _plus(row[2], row[0])),
            NewValue("note", "grp || ': ' || note", lambda row: _joined(row[1], row[3])),
            NewValue("note", "NULL", lambda row: None),
            NewValue(
                "amount",
                "CASE WHEN amount IS NULL THEN 0 ELSE -amount END",
                lambda row: 0 if row[2] is None else -row[2],
            ),
        ],
        1,
    ) + chance.sample([NewValue("id", "id + 1000", lambda row: row[0] + 1000)], chance.randrange(2))


def changed(row: Row, values: list[NewValue]) -> Row:
    """The row with its new values, all computed from the old one."""
    new = {each.column: each.value(row) for each in values}
    return tuple(new.get(name, was) for name, was in zip(COLUMNS, row, strict=True))  # type: ignore[return-value]


def rows(chance: random.Random, most: int = 12) -> list[Row]:
    """Rows of a file, in any order; ids may be there twice."""
    return [row(chance, chance.choice(IDS)) for _ in range(chance.randint(1, most))]


def row(chance: random.Random, id_: int) -> Row:
    amount = None if chance.random() < 0.2 else chance.randint(-50, 50)
    note = None if chance.random() < 0.2 else chance.choice(NOTES)
    return (id_, chance.choice(GROUPS), amount, note)


def csv(found: list[Row]) -> bytes:
    """The rows as a file, its columns always in the same order."""
    lines = [",".join(COLUMNS), *(",".join(map(_cell, each)) for each in found)]
    return "\n".join(lines).encode() + b"\n"


def _cell(value: int | str | None) -> str:
    if value is None:
        return NULL
    text = str(value).replace('"', '""')
    return f'"{text}"' if isinstance(value, str) else text


def _by_id(chance: random.Random) -> Condition:
    sign, limit = chance.choice(("<", ">=", "=", "<>")), chance.choice(IDS)
    return Condition(f"id {sign} {limit}", lambda row: _compared(row[0], sign, limit))


def _by_group(chance: random.Random) -> Condition:
    names = chance.sample(GROUPS, chance.randint(1, 2))
    listed = ", ".join(f"'{name}'" for name in names)
    return Condition(f"grp IN ({listed})", lambda row: row[1] in names)


def _by_amount(chance: random.Random) -> Condition:
    sign, limit = chance.choice(("<", ">=", "=")), chance.randint(-50, 50)
    return Condition(f"amount {sign} {limit}", lambda row: _compared(row[2], sign, limit))


def _by_note(chance: random.Random) -> Condition:
    start = chance.choice("nplosz")
    return Condition(
        f"note LIKE '{start}%'",
        lambda row: None if row[3] is None else row[3].startswith(start),
    )


def _by_null(chance: random.Random) -> Condition:
    place = chance.choice((2, 3))
    return Condition(f"{COLUMNS[place]} IS NULL", lambda row: row[place] is None)


def _both(a: Condition, b: Condition) -> Condition:
    def holds(row: Row) -> Truth:
        found = (a.holds(row), b.holds(row))
        return False if False in found else None if None in found else True

    return Condition(f"({a.sql}) AND ({b.sql})", holds)


def _either(a: Condition, b: Condition) -> Condition:
    def holds(row: Row) -> Truth:
        found = (a.holds(row), b.holds(row))
        return True if True in found else None if None in found else False

    return Condition(f"({a.sql}) OR ({b.sql})", holds)


def _not(a: Condition) -> Condition:
    def holds(row: Row) -> Truth:
        found = a.holds(row)
        return None if found is None else not found

    return Condition(f"NOT ({a.sql})", holds)


def _compared(value: int | None, sign: str, limit: int) -> Truth:
    if value is None:
        return None
    return {
        "<": value < limit,
        ">=": value >= limit,
        "=": value == limit,
        "<>": value != limit,
    }[sign]


def _plus(a: int | None, b: int) -> int | None:
    return None if a is None else a + b


def _joined(a: str, b: str | None) -> str | None:
    return None if b is None else f"{a}: {b}"
