"""Which events a statement can see: never fewer than it does, and fewer than all where that is plain."""

import pytest
from duckdb_sessions import cursor, parser

from lakehouse.domain.errors import Refused
from lakehouse.query.policy.statement import read_statement
from lakehouse.query.relations import RelationName, parse_relation, system_name
from lakehouse.system.event_bounds import ALL_SEQS, ALL_TIMES, EventBounds

END = ALL_SEQS.stop


@pytest.mark.parametrize(
    ("sql", "start", "stop"),
    [
        ("FROM lake.events", 0, END),
        ("FROM lake.events WHERE seq > 5", 6, END),
        ("FROM lake.events WHERE 5 < seq", 6, END),
        ("FROM lake.events WHERE seq >= 5", 5, END),
        ("FROM LAKE.Events e WHERE e.SEQ < 5", 0, 5),
        ("FROM lake.events WHERE events.seq <= 5", 0, 6),
        ("FROM lake.events WHERE seq = 5 AND type = 'x'", 5, 6),
        ("FROM lake.events WHERE seq BETWEEN 5 AND 9", 5, 10),
        ("FROM lake.events WHERE seq > 3 AND (seq < 9 AND actor = 'a')", 4, 9),
        ("FROM lake.events WHERE seq > 9 AND seq < 5", 10, 10),
        ("FROM lake.events WHERE seq > -7", 0, END),
        ("FROM lake.events WHERE NOT seq > 5", 0, END),
        ("SELECT count(*) FROM (FROM lake.events WHERE seq > 5)", 6, END),
        ("WITH x AS MATERIALIZED (FROM lake.events WHERE seq > 5) FROM x", 6, END),
        ("FROM lake.events WHERE seq = 5 UNION ALL FROM lake.events WHERE seq = 8", 5, 9),
        ("FROM lake.events WHERE seq = 5 UNION ALL FROM lake.events", 0, END),
        ("FROM lake.events WHERE seq > 5 OR type = 'x'", 0, END),
        ("FROM lake.events WHERE seq > 5.5", 0, END),
        ("FROM lake.events WHERE seq > (SELECT 5)", 0, END),
        ("FROM lake.events WHERE seq > $1", 0, END),
        ("FROM lake.events WHERE abs(seq) > 5", 0, END),
        ("FROM lake.events JOIN lake.datasets USING (seq) WHERE seq > 5", 0, END),
        ("FROM lake.events TABLESAMPLE 10% WHERE seq > 5", 0, END),
        ("FROM lake.events e(a, seq) WHERE seq > 5", 0, END),
        ("SELECT position AS seq FROM lake.events WHERE seq > 5", 0, END),
        ("FROM lake.events e WHERE EXISTS (FROM lake.datasets d WHERE e.seq > 5)", 0, END),
        ("FROM lake.datasets d WHERE EXISTS (FROM lake.events WHERE d.seq > 5)", 0, END),
        ("FROM lake.events WHERE seq = 5 UNION ALL SELECT 1 FROM lake.events s(seq) WHERE seq = 7", 0, END),
    ],
)  # fmt: skip
def test_the_events_that_a_statement_can_see(sql: str, start: int, stop: int) -> None:
    assert bounds_of(sql).seqs == range(start, stop)


SOME = EventBounds(range(5, 9), range(7, 2**62), "sales")


@pytest.mark.parametrize(
    "time",
    [
        "'2026-01-02'",
        "'2026-01-02T03:04'",
        "'2026-01-02 03:04:05'",
        "'2026-01-02 03:04:05.25Z'",
        "'2026-01-02T03:04:05.123456+02:00'",
        "TIMESTAMP '2026-01-02 03:04:05'",
        "TIMESTAMPTZ '2026-01-02 03:04:05-05:30'",
        "'2026-01-02 03:04:05'::TIMESTAMP",
    ],
)
def test_a_time_that_is_written_out_means_what_duckdb_reads(time: str) -> None:
    row = cursor().execute(f"SELECT epoch_us(CAST({time} AS TIMESTAMPTZ))").fetchone()
    assert row is not None
    (at,) = row
    end = ALL_TIMES.stop
    for condition, times in (
        (f'"at" >= {time}', range(at, end)),
        (f'{time} < e."at" AND seq > 5', range(at + 1, end)),
        (f'"at" BETWEEN {time} AND {time}', range(at, at + 1)),
        (f'"at" < {time} OR seq > 5', ALL_TIMES),
    ):
        assert bounds_of(f"FROM lake.events e WHERE {condition}").times == times, condition


@pytest.mark.parametrize(
    "time",
    ["'yesterday'", "'2026-02-30'", "DATE '2026-01-02'", "TIMESTAMP '2026-01-02 03:04:05+02'",
     "'2026-01-02 03:04:05'::DATE", "now()",
     "'2026-01-02 03:04:05 Europe/Berlin'", "'٢٠٢٦-01-02'", "2026", "NULL"],
)  # fmt: skip
def test_a_time_that_is_not_sure_bounds_nothing(time: str) -> None:
    assert bounds_of(f'FROM lake.events WHERE "at" > {time}').times == ALL_TIMES


@pytest.mark.parametrize(
    ("sql", "dataset"),
    [
        ("FROM lake.events WHERE dataset = 'Sales'", "Sales"),
        ("FROM lake.events e WHERE seq > 5 AND ('Sales' = e.dataset AND type = 'x')", "Sales"),
        (
            "FROM lake.events WHERE dataset = 'a' UNION ALL FROM lake.events WHERE dataset = 'a'",
            "a",
        ),
        (
            "FROM lake.events WHERE dataset = 'a' UNION ALL FROM lake.events WHERE dataset = 'b'",
            None,
        ),
        ("FROM lake.events WHERE dataset = 'a' UNION ALL FROM lake.events", None),
        ("FROM lake.events WHERE dataset = 'a' OR seq = 1", None),
        ("FROM lake.events WHERE NOT dataset = 'a'", None),
        ("FROM lake.events WHERE dataset <> 'a'", None),
        ("FROM lake.events WHERE dataset = 'no: name'", None),
        ("FROM lake.events WHERE dataset = type", None),
        ("SELECT type AS dataset FROM lake.events WHERE dataset = 'a'", None),
        ("FROM lake.events WHERE type = 'a'", None),
    ],
)
def test_the_one_dataset_whose_events_are_sought(sql: str, dataset: str | None) -> None:
    assert bounds_of(sql).dataset == dataset


def bounds_of(sql: str) -> EventBounds:
    statement = read_statement(parser(), sql)
    assert not isinstance(statement, Refused), statement
    return statement.events


def test_bounds_are_part_of_a_relation_s_name() -> None:
    assert parse_relation(system_name("events", SOME)) == RelationName("events", True, None, SOME)
    assert parse_relation(system_name("events")) == RelationName("events", True, None)
    assert parse_relation("lake.events@5") == RelationName("events", True, "5")
    assert parse_relation("sales@5") == RelationName("sales", False, "5")
    assert parse_relation("lake.secrets") == RelationName("lake.secrets", False, None)
