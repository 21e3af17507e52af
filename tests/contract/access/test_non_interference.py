"""A masked principal is answered as if only the masked rows and columns were there.

Random statements go to a lake whose `people` is a safe view for the principal, by its profile, and to
a lake that holds nothing but the rows and columns of that view. Any difference fails, errors included;
the seed is printed. The table has several row groups, and rows that the view hides would make a cast or
an arithmetic fail, so that a predicate that is pushed below the view shows.
"""

import io
import json
import os
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lake_server import Lake, running_lake
from principals import closed, principal
from raw_http import Client

SEED = int(os.environ.get("LAKEHOUSE_TEST_SEED", "0")) or random.SystemRandom().getrandbits(32)
STATEMENTS = int(os.environ.get("LAKEHOUSE_TEST_STATEMENTS", "1000"))
ROWS, GROUP_ROWS, HIDDEN_EVERY = 30_000, 4_000, 7
MASKED = {
    "of": "people",
    "masks": {"email": "hash", "phone": "last4", "born": "year", "city": "constant:somewhere"},
    "unmasked": ["id", "code", "grp", "n", "v"],
    "rows": "grp <> 'hidden'",
}
PARQUET = {"Content-Type": "application/vnd.apache.parquet"}


class Sides(NamedTuple):
    """The principal on the real lake, and an admin on the one that has no more than it may see."""

    masked: Client
    plain: Lake


def people() -> bytes:
    """Every seventh row is hidden, and has values that fail where the others do not."""
    chance = random.Random(7)
    numbers = list(range(ROWS))
    hidden = [number % HIDDEN_EVERY == 0 for number in numbers]
    groups = [f"g{number % 5}" for number in numbers]
    table = pa.table(
        {
            "id": pa.array(numbers, pa.int64()),
            "email": [f"p{number % 5_000}@example.org" for number in numbers],
            "phone": [f"+49 {number % 9_000:06}" if number % 11 else None for number in numbers],
            "born": pa.array([number % 20_000 for number in numbers], pa.int32()).cast(pa.date32()),
            "city": [chance.choice(["Bonn", "Köln", "Mainz", None]) for _ in numbers],
            "note": [f"secret {number}" for number in numbers],
            "code": [
                "boom" if out else str(number % 97)
                for number, out in zip(numbers, hidden, strict=True)
            ],
            "grp": ["hidden" if out else group for group, out in zip(groups, hidden, strict=True)],
            "v": [
                [1.0, 2.0, 3.0] if out else [float(number % 101), 1.0]
                for number, out in zip(numbers, hidden, strict=True)
            ],
            "n": pa.array(
                [
                    2**62 if out else number % 1_000
                    for number, out in zip(numbers, hidden, strict=True)
                ],
                pa.int64(),
            ),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=GROUP_ROWS)
    return sink.getvalue()


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    base = tmp_path_factory.mktemp("sides")
    with (
        running_lake(base / "real", query_workers=2) as real,
        running_lake(base / "plain") as plain,
    ):
        real.token = closed(real)
        assert real.ask("POST", "/v1/ingest?name=people", people(), PARQUET).status == 200
        assert real.ask("PUT", "/v1/catalog/view/people_safe", MASKED).status == 200
        profile = {"names": {"people": {"to": "people_safe"}}, "others": "visible"}
        assert real.ask("PUT", "/v1/catalog/profile/masked", profile).status == 200
        client = principal(real, "bo", {"people": ["read"], "lookup": ["read"]}, profile="masked")
        seen = client.ask("POST", "/v1/sql", {"sql": "SELECT * FROM people", "format": "parquet"})
        assert seen.status == 200, seen
        assert plain.ask("POST", "/v1/ingest?name=people", seen.body, PARQUET).status == 200
        lookup = b"grp,label\ng0,zero\ng1,one\nhidden,never\n"
        for lake in (real, plain):
            assert lake.ingest("name=lookup", lookup).status == 200
        yield Sides(client, plain)


class Statements:
    """Random statements, each with one right answer up to the order of its rows."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def next(self) -> str:
        make = self._chance.choice(
            [
                self._plain, self._grouped, self._joined, self._cte, self._window, self._subquery,
                self._failing, self._failing, self._metadata, self._wrong, self._nearest,
            ]
        )  # fmt: skip
        return make()

    def _nearest(self) -> str:
        """The column of vectors of the hidden rows is longer than those of the others."""
        condition = self._test().replace("'", "''")
        filter_ = f", '{condition}'" if self._chance.random() < 0.5 else ""
        column = self._one("v", "v", "v", "note", "n", "grp")
        vector = self._one("[1, 2]", "[0.5, -1]", "[1, 2, 3]", "[7, 1]")
        metric = self._one("l2", "cosine", "ip")
        return (
            f"SELECT id, distance FROM lake.nearest('people', '{column}', {vector}, {self._one('1', '20')}"
            f"{filter_}, metric => '{metric}')"
        )

    def _one(self, *texts: str) -> str:
        return self._chance.choice(texts)

    def _number(self) -> str:
        return str(self._chance.choice([0, 1, 5, 7, 96, 100, 999, ROWS // 2, ROWS - 1]))

    def _column(self) -> str:
        return self._one("id", "email", "phone", "born", "city", "note", "code", "grp", "n", '"N"')

    def _whole(self) -> str:
        return self._one("id", "n", "born", "id % 10", "n + 1", "length(code)", "length(phone)")

    def _test(self) -> str:
        number = self._number()
        simple = self._one(
            f"{self._whole()} {self._one('<', '>', '=', '<>', '>=')} {number}",
            f"{self._column()} IS {self._one('', 'NOT ')}NULL",
            f"code LIKE '{self._one('%o%', '1%', 'boom', '_7')}'",
            f"grp {self._one('=', '<>')} '{self._one('hidden', 'g1', 'g4')}'",
            f"grp IN ('g0', '{self._one('hidden', 'g2')}')",
            f"id BETWEEN {number} AND {number} + 1000",
            f"email LIKE '{self._one('p1@%', '%a%', '00%')}'",
            f"note = 'secret {number}'",
            f"city = '{self._one('Bonn', 'somewhere')}'",
            f"CAST(code AS INTEGER) {self._one('<', '>', '=')} {number}",
            f"n * n > {number}",
        )
        return (
            simple if self._chance.random() < 0.6 else f"({simple} {self._join()} {self._test()})"
        )

    def _join(self) -> str:
        return self._one("AND", "OR", "AND NOT")

    def _where(self) -> str:
        return f" WHERE {self._test()}" if self._chance.random() < 0.8 else ""

    def _aggregate(self) -> str:
        column = self._column()
        return self._one(
            "count(*)", f"count({column})", f"min({column})", f"max({column})",
            f"count(DISTINCT {column})", "sum(id)", "sum(n)", "bool_or(code = 'boom')",
            "sum(CAST(code AS INTEGER))", "max(n * n)",
        )  # fmt: skip

    def _plain(self) -> str:
        columns = ", ".join(self._column() for _ in range(self._chance.choice([1, 2, 3])))
        distinct = self._one("", "DISTINCT ")
        ordered = f" ORDER BY ALL LIMIT {self._one('5', '50')}"
        return f"SELECT {distinct}{columns} FROM people{self._where()}{ordered}"

    def _grouped(self) -> str:
        key = self._one("grp", "city", "id % 3", "born % 7", "substr(email, 1, 1)", "length(code)")
        having = self._one(
            "", f" HAVING {self._aggregate()} IS NOT NULL", " HAVING count(*) > 1000"
        )
        return (
            f"SELECT {key} AS k, {self._aggregate()} AS a, {self._aggregate()} AS b"
            f" FROM people{self._where()} GROUP BY k{having} ORDER BY ALL LIMIT 50"
        )

    def _joined(self) -> str:
        kind = self._one("JOIN", "LEFT JOIN", "RIGHT JOIN", "SEMI JOIN", "ANTI JOIN")
        if "SEMI" in kind or "ANTI" in kind or self._chance.random() < 0.5:
            return (
                f"SELECT {self._aggregate()} FROM people {kind} lookup USING (grp){self._where()}"
            )
        return (
            f"SELECT label, {self._aggregate()} FROM people {kind} lookup USING (grp)"
            " GROUP BY label ORDER BY ALL"
        )

    def _cte(self) -> str:
        inner = f"SELECT *, {self._whole()} AS w FROM people{self._where()}"
        return (
            f"WITH c AS {self._one('', 'MATERIALIZED ')}({inner}) SELECT count(*), min(w),"
            f" {self._aggregate()} FROM c{self._where()}"
        )

    def _window(self) -> str:
        over = f"(PARTITION BY {self._one('grp', 'city', 'id % 5')} ORDER BY id)"
        call = self._one("row_number()", "lag(code)", "sum(id)", "first_value(email)", "count(*)")
        return (
            f"SELECT id, {call} OVER {over} AS w FROM people WHERE id < {self._one('300', '2000')}"
            f" AND {self._test()} ORDER BY ALL LIMIT 20"
        )

    def _subquery(self) -> str:
        return self._one(
            f"SELECT count(*) FROM people WHERE n > (SELECT avg(n) FROM people{self._where()})",
            f"SELECT {self._aggregate()} FROM people p WHERE EXISTS (SELECT 1 FROM lookup l"
            f" WHERE l.grp = p.grp) AND {self._test()}",
            f"SELECT count(*) FROM lookup WHERE grp IN (SELECT grp FROM people{self._where()})",
            f"(SELECT grp FROM lookup) EXCEPT (SELECT grp FROM people{self._where()}) ORDER BY 1",
            "SELECT label, (SELECT count(*) FROM people p WHERE p.grp = l.grp) FROM lookup l"
            " ORDER BY ALL",
        )

    def _failing(self) -> str:
        """What fails on hidden rows, or on visible ones too."""
        return self._one(
            "SELECT sum(CAST(code AS INTEGER)) FROM people",
            f"SELECT count(*) FROM people WHERE CAST(code AS INTEGER) = {self._number()}",
            f"SELECT count(*) FROM people WHERE n * n > {self._number()}",
            f"SELECT max(n * n * {self._one('1', '1000000000000')}) FROM people",
            f"SELECT count(*) FROM people WHERE 1 / (n - {self._number()}) > 0",
            "SELECT count(*) FROM people WHERE CAST(grp AS INTEGER) > 0",
            "SELECT max(CAST(email AS DATE)) FROM people",
            "SELECT CASE WHEN grp = 'hidden' THEN error('found') ELSE 'ok' END AS e FROM people"
            " GROUP BY ALL ORDER BY 1",
            "SELECT count(*) FROM people WHERE (CASE WHEN code = 'boom' THEN CAST(code AS INTEGER)"
            " ELSE 1 END) = 1",
            "SELECT list_extract([1, 2], CAST(code AS INTEGER)) AS x, count(*) FROM people"
            " GROUP BY x ORDER BY x",
            f"SELECT count(*) FROM people WHERE grp = 'hidden' AND {self._test()}",
            f"SELECT TRY_CAST(code AS INTEGER) AS c, count(*) FROM people{self._where()}"
            " GROUP BY c ORDER BY c LIMIT 20",
        )

    def _metadata(self) -> str:
        return self._one(
            "DESCRIBE people",
            f"DESCRIBE SELECT {self._column()}, {self._aggregate()} FROM people GROUP BY 1",
            "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
            " WHERE table_name = 'people' ORDER BY ordinal_position",
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_name <> 'x'"
            " ORDER BY 1",
            "SHOW TABLES",
            "SELECT name, type, position FROM lake.columns WHERE dataset = 'people'",
            "SUMMARIZE people",
            f"SELECT * FROM people{self._where()} ORDER BY id LIMIT 3",
            f"SELECT COLUMNS('{self._one('o', 'e', 'n')}') FROM people ORDER BY ALL LIMIT 2",
            "SELECT count(*) FROM people TABLESAMPLE 100%",
        )

    def _wrong(self) -> str:
        return self._one(
            f"SELECT nothing FROM people{self._where()}",
            "SELECT people.emial FROM people",
            "SELECT * FROM peple",
            "SELECT * FROM people_safe",
            'SELECT * FROM "!people"',
            "SELECT salary FROM people JOIN lookup USING (id)",
            "SELECT note + 1 FROM people LIMIT 1",
            "SELECT year(born) FROM people LIMIT 1",
            "SELECT sum(email) FROM people",
        )


SUMMARY = ("column_name", "column_type", "min", "max", "count")
"""The columns of SUMMARIZE that are no estimates."""


def said(client: Client, statement: str) -> Any:
    """What is compared of an answer: the result; of a refusal also why, unless it is about a value."""
    answer = client.ask("POST", "/v1/sql", {"sql": statement, "format": "json"})
    body = answer.json
    if answer.status != 200:
        bound = body["detail"].startswith(("Binder", "Catalog", "Parser"))
        return answer.status, body["code"], body["detail"] if bound else None
    if statement.startswith("SUMMARIZE"):
        names = [column["name"] for column in body["columns"]]
        kept = [names.index(name) for name in SUMMARY]
        return [[row[index] for index in kept] for row in body["rows"]]
    return body["columns"], body["rows"]


@pytest.mark.timeout(900)
def test_random_statements_are_answered_alike(sides: Sides) -> None:
    statements = Statements(random.Random(SEED))
    failed = 0
    for number in range(STATEMENTS):
        statement = statements.next()
        masked, plain = said(sides.masked, statement), said(sides.plain, statement)
        failed += isinstance(masked, tuple) and isinstance(masked[0], int)
        shown = f"seed {SEED}, statement {number}: {statement}"
        assert json.dumps(masked) == json.dumps(plain), shown
    assert 0 < failed < STATEMENTS, f"seed {SEED}: {failed} of {STATEMENTS} were refused"
