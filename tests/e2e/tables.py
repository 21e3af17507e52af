"""Six real tables, and the questions that the lifecycle asks about them.

Beside each stand the DuckDB types of its columns that are no text by section 4 of the contract,
so that DuckDB gets the types instead of guessing them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import duckdb


class Table(NamedTuple):
    """A file and the types of its columns that are not text."""

    file: str
    header: str
    typed: Mapping[str, str]


def _typed(integers: str = "", doubles: str = "", instants: str = "") -> dict[str, str]:
    return (
        dict.fromkeys(integers.split(), "BIGINT")
        | dict.fromkeys(doubles.split(), "DOUBLE")
        | dict.fromkeys(instants.split(), "TIMESTAMPTZ")
    )


TABLES = {
    "airlines": Table("airlines.csv", "carrier,name", {}),
    "airports": Table("airports.csv", "faa,name,lat,lon,alt,tz,dst,tzone", _typed("alt tz")),
    "planes": Table(
        "planes.csv",
        "tailnum,year,type,manufacturer,model,engines,seats,speed,engine",
        _typed("engines seats"),
    ),
    "weather": Table(
        "weather.csv.gz",
        "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,"
        "pressure,visib,time_hour",
        _typed("year month day hour", "precip visib", "time_hour"),
    ),
    "zipcodes": Table(
        "zipcodes.csv.gz",
        "zip_code,latitude,longitude,city,state,county",
        _typed(doubles="latitude longitude"),
    ),
    "flights": Table(
        "flights.csv.gz",
        "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,"
        "carrier,flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour",
        _typed(
            "year month day sched_dep_time sched_arr_time flight distance hour minute",
            instants="time_hour",
        ),
    ),
}

QUESTIONS = (
    "SELECT * FROM airlines ORDER BY carrier",
    "SELECT count(*), count(DISTINCT tailnum), min(time_hour), max(time_hour) FROM flights",
    """SELECT a.name, count(*) AS flights, sum(f.distance) AS miles
       FROM flights f JOIN airlines a USING (carrier) GROUP BY ALL ORDER BY ALL""",
    """SELECT p.manufacturer, count(*) AS flights, max(p.seats) AS seats
       FROM flights f JOIN planes p USING (tailnum)
       GROUP BY ALL ORDER BY flights DESC, p.manufacturer LIMIT 10""",
    """SELECT origin, dest, count(*) AS flights FROM flights
       GROUP BY ALL ORDER BY flights DESC, origin, dest LIMIT 20""",
    """SELECT a.name, a.alt, a.lat, count(*) AS hours, round(avg(w.precip), 6) AS precip
       FROM weather w JOIN airports a ON w.origin = a.faa GROUP BY ALL ORDER BY ALL""",
    """SELECT f.origin, count(*) AS flights, round(sum(w.precip), 4) AS precip, min(w.visib)
       FROM flights f JOIN weather w USING (origin, time_hour) GROUP BY ALL ORDER BY ALL""",
    "SELECT month, count(*) FROM flights WHERE dep_delay = 'NA' GROUP BY ALL ORDER BY ALL",
    """SELECT carrier, sum(TRY_CAST(dep_delay AS INTEGER)) AS minutes FROM flights
       GROUP BY ALL ORDER BY ALL""",
    """SELECT date_trunc('month', time_hour) AS month, count(*) FROM flights
       GROUP BY ALL ORDER BY ALL""",
    """SELECT carrier, dest, count(*) AS flights FROM flights GROUP BY carrier, dest
       QUALIFY row_number() OVER (PARTITION BY carrier ORDER BY count(*) DESC, dest) = 1
       ORDER BY carrier""",
    """SELECT tz, count(*) FROM airports WHERE faa NOT IN (SELECT dest FROM flights)
       GROUP BY ALL ORDER BY ALL""",
    """SELECT state, count(*) AS codes, min(zip_code), max(zip_code), round(avg(latitude), 6)
       FROM zipcodes GROUP BY ALL ORDER BY ALL""",
    "SELECT zip_code, city FROM zipcodes WHERE zip_code LIKE '0%' ORDER BY ALL LIMIT 50",
    """SELECT count(*) FILTER (zip_code LIKE '0%') AS zeros, min(length(zip_code)),
       max(length(zip_code)) FROM zipcodes""",
)


def find_tables(real_files: Path) -> dict[str, Path]:
    """The file of each table."""
    return {name: real_files / table.file for name, table in TABLES.items()}


def duckdb_over(files: Mapping[str, Path]) -> duckdb.DuckDBPyConnection:
    """DuckDB with a table over each CSV: every cell read as text, then cast as we say."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, path in files.items():
        table = TABLES[name]
        casts = ", ".join(
            f"CAST({column} AS {table.typed.get(column, 'VARCHAR')}) AS {column}"
            for column in table.header.split(",")
        )
        connection.execute(
            f"CREATE TABLE {name} AS SELECT {casts} FROM read_csv($path, all_varchar = true,"
            " header = true, delim = ',', quote = '\"', allow_quoted_nulls = false)",
            {"path": str(path)},
        )
    return connection
