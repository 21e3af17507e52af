"""A CSV of made-up workers with what real exports hold: one seed, one file, byte for byte.

Leading zeros in zips, notes with commas, quotes and newlines, empty notes and empty dates,
decimals that only come late in a column of integers, instants with `Z`.

    python -m tests.bench.workers OUT [--rows 500000] [--seed 1]
"""

import argparse
import datetime
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

HEADER = "id,name,role,city,state,zip,email,rate,hired_on,active,score,notes,updated_at\n"

FIRST = ("Ada", "Björn", "Chloé", "Dmitri", "Esra", "Femi", "Grace", "Hiro", "Inês", "José")
LAST = ("Abbott", "Brown", "Côté", "D'Arcy", "Eze", "Fischer", "García", "Haas", "Ito", "Jansen")
ROLES = ("welder", "electrician", "site manager", "crane operator", "painter", "engineer")
PLACES = (
    ("Boston", "MA", "021"),
    ("Newark", "NJ", "071"),
    ("Hartford", "CT", "061"),
    ("Brooklyn", "NY", "112"),
    ("Denver", "CO", "802"),
    ("San José", "CA", "951"),
    ("Chicago", "IL", "606"),
)
NOTES = (
    "",
    "",
    "",
    '""',
    "on leave",
    '"prefers nights, weekends off"',
    '"said ""call me later"", twice"',
    '"first line\nsecond line"',
    '"badge lost, reissued\r\nsee file 7"',
    "naïve café 東京",
)
BATCH = 10_000
LATE = 0.9
"""Scores are integers up to this part of the file, and decimals after it."""


def write_workers(path: Path, rows: int = 500_000, seed: int = 1) -> None:
    """Write `rows` records below a header to `path`, UTF-8 with LF, a batch at a time."""
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER)
        for start in range(0, rows, BATCH):
            stop = min(start + BATCH, rows)
            file.writelines(_batch(rng, start, stop, decimals_from=int(rows * LATE)))


def _batch(rng: random.Random, start: int, stop: int, decimals_from: int) -> Iterator[str]:
    count = stop - start
    numbers = range(start + 1, stop + 1)
    people = zip(rng.choices(FIRST, k=count), rng.choices(LAST, k=count), strict=True)
    roles, places = rng.choices(ROLES, k=count), rng.choices(PLACES, k=count)
    notes, days = rng.choices(NOTES, k=count), rng.choices(_days(), k=count)
    chances = (rng.random() for _ in range(6 * count))
    for number, (first, last), role, place, note, day in zip(
        numbers, people, roles, places, notes, days, strict=True
    ):
        zip_end, rate, active, score, second, hired = islice(chances, 6)
        city, state, prefix = place
        points = score * 100
        yield (
            f"{number},{first} {last},{role},{city},{state},{prefix}{int(zip_end * 100):02d},"
            f"w{number}@example.com,{15 + rate * 60:.2f},{day if hired > 0.02 else ''},"
            f"{'true' if active < 0.9 else 'false'},"
            f"{int(points) if number <= decimals_from else f'{points:.2f}'},{note},"
            f"{day}T{_clock(second)}Z\n"
        )


def _days() -> list[str]:
    first = datetime.date(1998, 1, 1)
    return [str(first + datetime.timedelta(days=n)) for n in range(0, 10_000, 3)]


def _clock(part: float) -> str:
    second = int(part * 86_400)
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def main() -> None:
    """Write the file that the command line names."""
    parser = argparse.ArgumentParser(description="Write a CSV of made-up workers.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    write_workers(given.out, given.rows, given.seed)


if __name__ == "__main__":
    main()
