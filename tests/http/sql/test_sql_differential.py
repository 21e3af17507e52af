"""Some hundred queries over real files: over HTTP, and by plain DuckDB with its optimisers on and off."""

import datetime
import decimal
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from lake_server import Lake, running_lake

FILES = (
    "airlines.csv", "airports.csv", "birdstrikes.csv.gz", "country_codes.csv", "flights.csv.gz",
    "goalscorers.csv.gz", "gtfs_stop_times.csv.gz", "gtfs_stops.csv", "gtfs_trips.csv",
    "international_results.csv.gz", "planes.csv", "seattle_hourly.csv", "weather.csv.gz",
    "zipcodes.csv.gz",
)  # fmt: skip
NUMBERS = ("BIGINT", "DOUBLE")
EACH_COLUMNS = 6

JOINS = (
    """SELECT a.name, count(*) AS n, min(dep_delay) AS low, max(dep_delay) AS high
        FROM flights f JOIN airlines a USING (carrier) GROUP BY ALL ORDER BY ALL""",
    """SELECT p.manufacturer, count(DISTINCT f.tailnum) AS n FROM flights f LEFT JOIN planes p
        ON f.tailnum = p.tailnum GROUP BY ALL ORDER BY n DESC, 1 LIMIT 12""",
    "SELECT count(*) AS n FROM flights f ANTI JOIN planes p ON f.tailnum = p.tailnum",
    "SELECT count(*) AS n FROM flights WHERE dest NOT IN (SELECT faa FROM airports)",
    """SELECT f.origin, f.month, count(*) AS n, count(w.temp) AS t FROM flights f LEFT JOIN weather w
        ON f.origin = w.origin AND f.time_hour = w.time_hour GROUP BY ALL ORDER BY ALL LIMIT 40""",
    """SELECT carrier, flight, n, rank() OVER (PARTITION BY carrier ORDER BY n DESC, flight) AS r
        FROM (SELECT carrier, flight, count(*) AS n FROM flights GROUP BY ALL)
        QUALIFY r <= 3 ORDER BY ALL""",
    """WITH late AS (SELECT * FROM flights WHERE TRY_CAST(arr_delay AS INTEGER) > 60)
        SELECT dest, count(*) AS n FROM late GROUP BY dest
        HAVING n > (SELECT count(*) / 200 FROM late) ORDER BY n DESC, dest""",
    """SELECT month, sum(distance) AS d, sum(sum(distance)) OVER (ORDER BY month) AS running
        FROM flights GROUP BY month ORDER BY month""",
    """SELECT origin, carrier, count(*) AS n FROM flights GROUP BY GROUPING SETS ((origin, carrier),
        (origin), ()) ORDER BY ALL""",
    """SELECT dest FROM flights WHERE origin = 'JFK' EXCEPT SELECT dest FROM flights
        WHERE origin = 'LGA' ORDER BY 1""",
    """SELECT home_team, date FROM international_results r WHERE NOT EXISTS (SELECT 1 FROM goalscorers g
        WHERE g.date = r.date AND g.home_team = r.home_team) ORDER BY date, home_team LIMIT 20""",
    """SELECT t.route_id, count(*) AS n, max(stop_sequence) AS m FROM gtfs_stop_times s
        JOIN gtfs_trips t USING (trip_id) GROUP BY ALL ORDER BY ALL""",
)


class Sides:
    """The three that answer."""

    def __init__(self, lake: Lake, files: Path) -> None:
        self.lake, self.files = lake, files
        self.plain = [duckdb.connect(), duckdb.connect()]
        self.plain[1].execute("PRAGMA disable_optimizer")

    def add(self, file: str) -> None:
        name = file.partition(".")[0]
        made = self.lake.ingest(f"name={name}", (self.files / file).read_bytes())
        assert made.status == 200, made
        (parquet,) = (self.lake.bucket / "datasets" / name).rglob("*.parquet")
        for connection in self.plain:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"CREATE VIEW {name} AS FROM read_parquet('{parquet}')")

    def check(self, sql: str) -> None:
        answer = self.lake.sql(sql)
        assert answer.status == 200, (sql, answer)
        for connection in self.plain:
            rows = [
                [reported(value) for value in row] for row in connection.execute(sql).fetchall()
            ]
            assert len(rows) == answer.json["row_count"], sql
            assert alike(answer.json["rows"], rows), (sql, answer.json["rows"][:5], rows[:5])


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory, real_files: Path) -> Iterator[Sides]:
    with running_lake(tmp_path_factory.mktemp("lake") / "bucket", query_workers=2) as lake:
        sides = Sides(lake, real_files)
        for file in FILES:
            sides.add(file)
        yield sides
        for connection in sides.plain:
            connection.close()


@pytest.mark.parametrize("name", [file.partition(".")[0] for file in FILES])
def test_questions_about_one_file(sides: Sides, name: str) -> None:
    described = sides.plain[0].execute(f"DESCRIBE {name}").fetchall()
    columns = [(quoted(column), kind) for column, kind, *_ in described]
    for sql in questions(name, columns[:EACH_COLUMNS]):
        sides.check(sql)


@pytest.mark.parametrize("sql", JOINS)
def test_questions_about_several_files(sides: Sides, sql: str) -> None:
    sides.check(sql)


def questions(name: str, columns: list[tuple[str, str]]) -> Iterator[str]:
    """Shapes in which an optimiser has something to do, each with one right answer."""
    everything = ", ".join(column for column, _ in columns)
    yield f"SELECT count(*) AS n FROM {name}"
    yield f"SELECT {everything} FROM {name} ORDER BY ALL LIMIT 7 OFFSET 3"
    for column, kind in columns:
        yield f"SELECT count({column}) AS n, count(DISTINCT {column}) AS d FROM {name}"
        yield f"SELECT min({column}) AS low, max({column}) AS high FROM {name}"
        yield f"SELECT {column} AS x FROM {name} ORDER BY x DESC NULLS LAST LIMIT 5"
        yield f"SELECT {column} AS x, count(*) AS n FROM {name} GROUP BY x ORDER BY n DESC, x LIMIT 9"
        few = f"SELECT count(*) AS n FROM {name} WHERE {column}"
        yield f"{few} > (SELECT min({column}) FROM {name})"
        yield f"{few} IS NULL OR {column} IN (SELECT max({column}) FROM {name})"
        if kind in NUMBERS:
            whole = f"{column}::INTEGER"
            yield f"SELECT fsum({column}) AS s, round(avg({column}), 6) AS a FROM {name}"
            yield f"SELECT {whole} AS x FROM {name} ORDER BY {whole} DESC NULLS LAST LIMIT 5"
        if kind == "VARCHAR":
            yield f"{few} LIKE '%a%' AND length({column}) > 3"
            yield f"SELECT DISTINCT upper(left({column}, 2)) AS x FROM {name} ORDER BY x LIMIT 20"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def reported(value: Any) -> Any:
    """A Python value as the contract's JSON has it."""
    match value:
        case bool() | None | str():
            return value
        case int():
            return value if abs(value) <= 2**53 else str(value)
        case float():
            return value if math.isfinite(value) else json.dumps(value)
        case decimal.Decimal():
            return str(value)
        case datetime.datetime():
            text = value.replace(tzinfo=None).isoformat()
            zone = "Z" if value.tzinfo else ""
            return (text.rstrip("0") if "." in text else text) + zone
        case datetime.date():
            return value.isoformat()
    raise TypeError(type(value))


def alike(ours: Any, theirs: Any) -> bool:
    """Equal, but for the last digits of a sum that threads add in any order."""
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(alike, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-9)
    return bool(ours == theirs)


def test_there_are_some_hundred() -> None:
    one = list(questions("t", [("a", "BIGINT"), ("b", "VARCHAR")]))
    assert len(one) > 16 and len(FILES) * len(one) > 200
