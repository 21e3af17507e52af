"""Which events a statement can see: never fewer than it does, and fewer than all where that is plain."""

import duckdb
import pytest

from lakehouse.errors import Refused
from lakehouse.query.relations import ALL_SEQS, Wanted, system_name, wanted
from lakehouse.query.statement import read_statement

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
        ("FROM lake.events WHERE NOT seq > 5", 0, 6),
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
    statement = read_statement(duckdb.connect(), sql)
    assert not isinstance(statement, Refused), statement
    assert statement.events == range(start, stop)


def test_bounds_are_part_of_a_relation_s_name() -> None:
    assert wanted(system_name("events", range(5, 9))) == Wanted("events", True, None, 5, 9)
    assert wanted(system_name("events")) == Wanted("events", True, None)
    assert wanted("lake.events@5") == Wanted("events", True, "5")
    assert wanted("sales@5") == Wanted("sales", False, "5")
    assert wanted("lake.secrets") == Wanted("lake.secrets", False, None)
