"""SQLAlchemy: reflection, statements and pandas, over HTTP and over a bucket."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

import lakehouse
from lakehouse.client.lake import Lake

ROWS = [
    {"id": 1, "Name": "x", "price": Decimal("1.50"), "day": dt.date(2026, 1, 2), "ok": True},
    {"id": 2, "Name": "y'", "price": None, "day": None, "ok": None},
]


@pytest.fixture(scope="module")
def engine(lake: Lake, url: str) -> Iterator[sa.Engine]:
    lake.ingest(ROWS, name="Orders")
    with lake.transaction() as together:
        together.put_view("cheap", sql='SELECT id FROM "Orders" WHERE price < 2')
    made = sa.create_engine(url.replace("http://", "lakehouse://"))
    yield made
    made.dispose()


def test_reflection(engine: sa.Engine) -> None:
    found = sa.inspect(engine)
    assert found.get_schema_names() == ["main", "lake"]
    assert found.get_table_names() == ["Orders"]
    assert found.get_view_names() == ["cheap"]
    assert "WHERE price < 2" in found.get_view_definition("cheap")
    assert "events" in found.get_table_names("lake")
    columns = {each["name"]: str(each["type"]) for each in found.get_columns("Orders")}
    assert columns == {
        "id": "BIGINT",
        "Name": "VARCHAR",
        "price": "NUMERIC(3, 2)",
        "day": "DATE",
        "ok": "BOOLEAN",
    }
    assert (found.has_table("Orders"), found.has_table("absent")) == (True, False)
    assert found.has_table("events", "lake")
    assert found.get_pk_constraint("Orders")["constrained_columns"] == []
    assert (found.get_foreign_keys("Orders"), found.get_indexes("Orders")) == ([], [])
    with pytest.raises(sa.exc.NoSuchTableError):
        found.get_columns("absent")


def test_statements(engine: sa.Engine) -> None:
    orders = sa.Table("Orders", sa.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        one = sa.select(orders).where(orders.c.Name == "y'")
        assert connection.execute(one).all() == [(2, "y'", None, None, None)]
        counted = (
            sa.select(orders.c.ok, sa.func.count())
            .where(orders.c.id.in_([1, 2]), orders.c.day.is_(None))
            .group_by(orders.c.ok)
            .order_by(orders.c.ok)
            .limit(5)
            .offset(0)
        )
        assert connection.execute(counted).all() == [(None, 1)]
        priced = sa.select(orders.c.id).where(orders.c.price == Decimal("1.50"))
        assert connection.scalar(priced) == 1
        assert connection.scalar(sa.text("SELECT :a"), {"a": dt.date(2026, 1, 2)}) == dt.date(
            2026, 1, 2
        )
        with pytest.raises(sa.exc.NotSupportedError):
            connection.execute(sa.delete(orders))


def test_pandas_reads(engine: sa.Engine) -> None:
    by_text = pd.read_sql('SELECT id, "Name" FROM "Orders" ORDER BY id', engine)
    assert by_text.to_dict("list") == {"id": [1, 2], "Name": ["x", "y'"]}
    assert len(pd.read_sql_table("Orders", engine)) == 2
    chunks = pd.read_sql("SELECT i FROM range(10) r(i)", engine, chunksize=4)
    assert [len(each) for each in chunks] == [4, 4, 2]


@pytest.mark.parametrize("path", ["lakehouse+bucket:///{}", "lakehouse+bucket://{}"])
def test_a_bucket(tmp_path: Path, path: str) -> None:
    bucket = tmp_path / "bucket"
    with lakehouse.open(str(bucket)) as lake:
        lake.ingest([{"a": 1}], name="t")
    made = sa.create_engine(path.format(bucket))
    assert sa.inspect(made).get_table_names() == ["t"]
    with made.connect() as first, made.connect() as second:
        assert first.scalar(sa.text("SELECT a FROM t")) == second.scalar(sa.text("SELECT a FROM t"))
    made.dispose()


def test_operators_on_texts_and_bits(engine: sa.Engine) -> None:
    """DuckDB has no `#`, which PostgreSQL has for xor."""
    text, number = sa.literal("a lake"), sa.literal(6)
    wanted = {
        text.regexp_match("la.e"): True,
        text.regexp_match("LA.E"): False,
        text.regexp_match("LA.E", flags="i"): True,
        ~text.regexp_match("la.e"): False,
        text.regexp_replace("LA", "r", flags="i"): "a rke",
        number.bitwise_xor(3): 5,
        number.bitwise_xor(sa.literal(3).bitwise_xor(1)): 4,
    }
    with engine.connect() as connection:
        assert connection.execute(sa.select(*wanted)).one() == tuple(wanted.values())
