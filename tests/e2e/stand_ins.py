"""Made-up rows for the six tables: few, but with what is hard in the real ones.

Leading zeros, NA in columns of numbers, decimals of more than 15 digits, a quoted comma.
"""

import random
from collections.abc import Iterator

CARRIERS = {"9E": "Endeavor Air Inc.", "AA": "American Airlines Inc.", "UA": "United, Inc."}
ORIGINS, PLACES = ("EWR", "JFK", "LGA"), ("04G", "BOS", "EWR", "IAH", "JFK", "LGA")
TAILS = tuple(f"N{number}" for number in range(10_000, 10_050))
HOURS = tuple((month, day, hour) for month in (1, 2, 12) for day in (1, 28) for hour in range(24))
FLIGHTS = 3_000

Row = tuple[object, ...]


def made_up_rows(seed: int = 1) -> dict[str, list[Row]]:
    """The rows of each table, cells as the file spells them; one seed, one result."""
    rng = random.Random(seed)
    return {
        "airlines": [(code, f'"{name}"') for code, name in CARRIERS.items()],
        "airports": [*_airports()],
        "planes": [_plane(rng, tail) for tail in TAILS],
        "weather": [_weather(rng, origin, *at) for origin in ORIGINS for at in HOURS],
        "zipcodes": [_zipcode(code) for code in range(501, 99_999, 97)],
        "flights": [_flight(rng, *rng.choice(HOURS)) for _ in range(FLIGHTS)],
    }


def _airports() -> Iterator[Row]:
    for number, place in enumerate(PLACES):
        zone = "NA" if number == 0 else "America/New_York"
        latitude, longitude = f"41.{number}3047220001234", f"-80.{number}"
        yield place, f"{place} Field", latitude, longitude, number * 10, -5, "A", zone


def _plane(rng: random.Random, tail: str) -> Row:
    year, speed = rng.choice(("NA", 1998, 2004)), rng.choice(("NA", 90))
    maker, seats = rng.choice(("BOEING", "AIRBUS")), rng.randrange(50, 400)
    return tail, year, "Fixed wing", maker, "A320-214", 2, seats, speed, "Turbo-fan"


def _weather(rng: random.Random, origin: str, month: int, day: int, hour: int) -> Row:
    direction, pressure = rng.choice(("NA", 270)), rng.choice(("NA", 1012.3))
    precip, visible = rng.choice((0, 0.01, 0.3)), rng.choice((10, 2.5))
    measured = (39.02, 26.06, 59.37, direction, "10.357019999999999", "NA", precip, pressure)
    return origin, 2013, month, day, hour, *measured, visible, _instant(month, day, hour)


def _zipcode(code: int) -> Row:
    latitude, longitude = f"{40 + code / 1e5:.6f}", f"{-72 - code / 1e5:.6f}"
    state = ("NY", "MA", "IL")[code % 3]
    return f"{code:05d}", latitude, longitude, f"Town {code}", state, "Suffolk"


def _flight(rng: random.Random, month: int, day: int, hour: int) -> Row:
    minute, late = rng.randrange(60), rng.choice(("NA", -3, 0, 12, 250))
    planned = hour * 100 + minute
    clock = "NA" if late == "NA" else planned
    when = (2013, month, day, clock, planned, late, clock, planned, late)
    who = (rng.choice([*CARRIERS]), rng.randrange(1, 9_000), rng.choice(TAILS))
    where = (rng.choice(ORIGINS), rng.choice(PLACES), clock, rng.randrange(80, 3_000))
    return *when, *who, *where, hour, minute, _instant(month, day, hour)


def _instant(month: int, day: int, hour: int) -> str:
    return f"2013-{month:02d}-{day:02d}T{hour:02d}:00:00Z"
