"""What stands in a Parquet file of workers, and how long five questions to it take."""

import time
from pathlib import Path
from statistics import median

import duckdb
import polars
import pyarrow.parquet as pq

FACTS = """SELECT count(*), count(*) FILTER (zip::VARCHAR LIKE '0%'),
round(sum(score::DOUBLE), 2)::VARCHAR, count(notes), count(hired_on) FROM {}"""
FACT_NAMES = ("rows", "zips with a leading zero", "sum of scores", "notes", "dates")
QUERIES = {
    "filter and group": "SELECT role, count(*) FROM {} WHERE state = 'IL' GROUP BY role",
    "averages": "SELECT state, avg(rate), sum(score) FROM {} GROUP BY state",
    "one row of all columns": "SELECT * FROM {} WHERE id = 250123",
    "text search": "SELECT count(*) FROM {} WHERE notes LIKE '%late%'",
    "months and distinct texts": """SELECT date_trunc('month', updated_at), count(DISTINCT email)
FROM {} GROUP BY ALL""",
}
ASKED = 15
"""How often each question is asked of each file, in turns."""


def facts(parquet: Path) -> tuple:
    """The facts as they stand in a file."""
    return _ask(FACTS, f"read_parquet('{parquet}')")[0]


def truth(csv: Path) -> tuple:
    """The facts by reading every cell as text: nothing is guessed, nothing is lost."""
    return _ask(FACTS, f"read_csv('{csv}', all_varchar = true, allow_quoted_nulls = false)")[0]


def read_alike(parquet: Path) -> bool:
    """Whether polars reads, cell by cell, what pyarrow reads."""
    ours = pq.read_table(parquet)
    theirs = polars.read_parquet(parquet).to_arrow().cast(ours.schema)
    return bool(theirs.equals(ours))


def seconds_of_queries(parquets: list[Path]) -> list[dict[str, float]]:
    """Median seconds of each question to each file; all must give the same answers."""
    taken: list[dict[str, list[float]]] = [{name: [] for name in QUERIES} for _ in parquets]
    for _ in range(ASKED):
        for name, query in QUERIES.items():
            answers = []
            for parquet, seconds in zip(parquets, taken, strict=True):
                started_s = time.perf_counter()
                answers.append(_ask(query, f"read_parquet('{parquet}')"))
                seconds[name].append(time.perf_counter() - started_s)
            _demand_alike(name, answers)
    return [{name: median(each) for name, each in seconds.items()} for seconds in taken]


def _demand_alike(name: str, answers: list[list[tuple]]) -> None:
    # A sum of doubles depends on the order; empty notes are null in theirs.
    counts = {len(rows) for rows in answers}
    keys = [sorted(str(row[0]) for row in rows) for rows in answers]
    if len(counts) != 1 or any(each != keys[0] for each in keys):
        raise SystemExit(f"the answers of {name!r} differ: {answers}"[:2_000])


def _ask(question: str, source: str) -> list[tuple]:
    with duckdb.connect() as connection:
        return connection.execute(question.format(source)).fetchall()
