"""SQL over a bucket on S3: read by httpfs from its wheel, with credentials that nobody sees."""

import asyncio
import io
import os
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from journal.events import Column
from lakehouse.domain.errors import RefusedError
from lakehouse.query.engine import EngineSettings, Query, QueryEngine
from lakehouse.query.messages import S3
from projections.views import View

COLUMNS = (Column("x", "int64"), Column("s", "string"))


class Remote:
    """A bucket with two datasets in it, and an engine that reads them."""

    def __init__(self, server: Any, temp: Path) -> None:
        self.server = server
        self.bucket = server.make_bucket()
        self.settings = EngineSettings(
            data_prefixes=(f"s3://{self.bucket}/lake/datasets/",),
            s3=S3(server.access_key, server.secret_key, "us-east-1", server.endpoint_url),
            workers=1,
            temp_directory=str(temp),
        )
        self.views = {
            "sales": View("sales", (self.put("lake/datasets/sales/1.parquet", 1000),), COLUMNS),
            "gone": View("gone", (self.url("lake/datasets/gone/1.parquet"),), COLUMNS),
        }
        self.put("other/secret.parquet", 1)

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def put(self, key: str, rows: int) -> str:
        body = io.BytesIO()
        pq.write_table(pa.table({"x": range(rows), "s": [f"s{n}" for n in range(rows)]}), body)
        with self.server.client() as client:
            client.put_object(Bucket=self.bucket, Key=key, Body=body.getvalue())
        return self.url(key)

    async def resolve(self, names: frozenset[str] | None) -> Any:
        return {name: view for name, view in self.views.items() if names is None or name in names}

    async def rows(self, engine: QueryEngine, sql: str) -> Any:
        async with engine.run(Query(sql), self.resolve) as result:
            body = b"".join([chunk async for chunk in result.chunks])
            return msgspec.json.decode(body)["rows"]

    async def refused(self, engine: QueryEngine, sql: str) -> Any:
        with pytest.raises(RefusedError) as caught:
            await self.rows(engine, sql)
        refused = caught.value.refused
        hidden = {self.bucket, self.server.secret_key, self.server.access_key}
        hidden.add(self.server.endpoint_url.partition("//")[2])
        # What the caller wrote himself may be shown to him.
        assert [text for text in hidden if text in refused.detail and text not in sql] == []
        return refused


@pytest.fixture
def remote(s3_server: Any, tmp_path: Path) -> Remote:
    return Remote(s3_server, tmp_path)


async def with_engine(remote: Remote, use: Any, **changes: Any) -> None:
    engine = QueryEngine(msgspec.structs.replace(remote.settings, **changes))
    await engine.start()
    try:
        await use(engine)
    finally:
        await engine.close()


async def test_a_dataset_on_s3_is_read_and_its_caches_stay_right(remote: Remote) -> None:
    async def use(engine: QueryEngine) -> None:
        for _ in range(3):
            assert await remote.rows(engine, "SELECT sum(x), max(s) FROM sales") == [
                [499500, "s999"]
            ]
        second = remote.put("lake/datasets/sales/2.parquet", 10)
        objects = (*remote.views["sales"].objects, second)
        remote.views["sales"] = View("sales", objects, COLUMNS)
        assert await remote.rows(engine, "SELECT count(*) FROM sales") == [[1010]]
        assert await remote.rows(engine, "SHOW TABLES") == [["gone"], ["sales"]]

    await with_engine(remote, use)


async def test_a_lost_object_on_s3_is_told_without_the_bucket(remote: Remote) -> None:
    async def use(engine: QueryEngine) -> None:
        refused = await remote.refused(engine, "SELECT * FROM gone")
        assert refused.code == "object_lost"
        assert refused.detail.startswith("dataset gone: ")

    await with_engine(remote, use)


async def test_nothing_else_in_the_bucket_and_no_other_url_can_be_read(remote: Remote) -> None:
    async def use(engine: QueryEngine) -> None:
        outside = remote.url("other/secret.parquet")
        for sql in (
            f"FROM '{outside}'",
            f"FROM read_parquet('{outside}')",
            f"FROM '{remote.server.endpoint_url}/{remote.bucket}/other/secret.parquet'",
            "FROM duckdb_secrets()",
            "FROM which_secret('s3://x/y', 's3')",
            "SELECT current_setting('s3_secret_access_key')",
        ):
            assert (await remote.refused(engine, sql)).code in (
                "sql_error",
                "statement_not_allowed",
            )
        # A second wall behind the guard: a view outside the data prefix is not opened either.
        remote.views["stray"] = View("stray", (outside,), COLUMNS)
        assert (await remote.refused(engine, "FROM stray")).code == "statement_not_allowed"

    await with_engine(remote, use)


async def test_wrong_credentials_are_the_servers_fault_and_stay_hidden(remote: Remote) -> None:
    async def use(engine: QueryEngine) -> None:
        refused = await remote.refused(engine, "FROM sales")
        assert refused.code in ("bucket_refused", "object_lost")

    if remote.server.kind == "moto":
        pytest.skip("moto takes any credential")
    await with_engine(remote, use, s3=S3("nobody", "wrong/secret+key", "us-east-1",
                                         remote.server.endpoint_url))  # fmt: skip


async def test_a_store_that_is_down_is_unavailable(remote: Remote, unused_tcp_port: int) -> None:
    async def use(engine: QueryEngine) -> None:
        refused = await remote.refused(engine, "FROM sales")
        assert refused.code in ("bucket_unavailable", "query_timeout")

    nowhere = S3("key-id", "secret-key", "us-east-1", f"http://127.0.0.1:{unused_tcp_port}")
    await with_engine(remote, use, s3=nowhere)


async def test_no_credential_is_visible_in_arguments_or_environment(remote: Remote) -> None:
    async def use(engine: QueryEngine) -> None:
        await remote.rows(engine, "SELECT 1")
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        workers = [Path("/proc") / pid for pid in children]
        workers = [pid for pid in workers if b"query.worker.main" in (pid / "cmdline").read_bytes()]
        assert len(workers) == 1
        for name in ("cmdline", "environ"):
            seen = await asyncio.to_thread((workers[0] / name).read_bytes)
            assert remote.server.secret_key.encode() not in seen

    await with_engine(remote, use)
    assert remote.server.secret_key not in repr(remote.settings)


async def test_credentials_change_without_a_restart(remote: Remote) -> None:
    """Also for the worker that is in use meanwhile, whose own query ends as it began."""
    if remote.server.kind == "moto":
        pytest.skip("moto accepts any credentials")
    good = remote.settings.s3
    assert good is not None
    revoked = msgspec.structs.replace(good, secret_access_key="revoked-0123456789")

    async def use(engine: QueryEngine) -> None:
        assert await remote.rows(engine, "SELECT count(*) FROM sales") == [[1000]]
        async with engine.run(Query("FROM range(100000)"), remote.resolve) as running:
            await engine.renew(revoked)
            assert len([chunk async for chunk in running.chunks]) > 1
        refused = await remote.refused(engine, "SELECT sum(x) FROM sales")
        assert refused.code == "bucket_refused"
        await engine.renew(good)
        assert await remote.rows(engine, "SELECT sum(x) FROM sales") == [[499500]]

    await with_engine(remote, use)
