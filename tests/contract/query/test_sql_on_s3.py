"""SQL over a bucket on S3: workers read verified blocks, and hold no credential and no connection."""

import asyncio
import io
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from object_source import ObjectSourceOf
from worker_processes import worker_pids

from journal.block_hashes import BLOCK_BYTES
from journal.bucket.s3.bucket import S3Bucket
from journal.bucket.s3.settings import S3Settings
from journal.events import Column
from lakehouse.domain.errors import RefusedError
from lakehouse.objects.block_cache import BlockCache
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.query.engine import EngineSettings, Query, QueryEngine
from projections.view_sql.datasets import View

COLUMNS = (Column("x", "int64"), Column("s", "string"))


def parquet(rows: int) -> bytes:
    """About 12 bytes a row."""
    chance, body = Random(rows), io.BytesIO()
    texts = [f"s{chance.randrange(10**9):09}" for _ in range(rows)]
    pq.write_table(pa.table({"x": range(rows), "s": texts}), body, row_group_size=50_000)
    return body.getvalue()


class Remote:
    """A bucket with a dataset in it, an engine, and what its queries may read."""

    def __init__(self, server: Any, temp: Path, **settings: Any) -> None:
        self.server = server
        self.name = server.make_bucket()
        self.settings = S3Settings(
            bucket=self.name,
            prefix="lake",
            endpoint_url=server.endpoint_url,
            region="us-east-1",
            access_key_id=server.access_key,
            secret_access_key=server.secret_key,
        )
        self.cache_dir = temp / "cache"
        self.cache_dir.mkdir(exist_ok=True)
        self.cache = BlockCache(self.cache_dir, 1 << 30)
        self.forks = ForkServer(())
        self.engine = QueryEngine(
            EngineSettings(
                data_prefixes=(f"{temp}/files/",),
                object_directories=(str(self.cache_dir),),
                workers=1,
                temp_directory=str(temp),
                **settings,
            ),
            self.forks,
        )
        self.views: dict[str, View] = {}
        self.bucket: S3Bucket
        self.source: ObjectSourceOf

    async def begin(self) -> None:
        self.bucket = await S3Bucket.open(self.settings)
        self.source = ObjectSourceOf(self.bucket, self.cache)
        await self.engine.start()

    async def end(self) -> None:
        await self.engine.close()
        await self.forks.close()
        await self.source.reader.close()
        await self.bucket.close()

    async def add(self, name: str, *bodies: bytes) -> None:
        urls = [
            await self.source.put(f"{name}{number}", body) for number, body in enumerate(bodies)
        ]
        self.views[name] = View(name, tuple(urls), COLUMNS)

    async def resolve(self, names: frozenset[str] | None) -> Any:
        return {name: view for name, view in self.views.items() if names is None or name in names}

    async def rows(self, sql: str) -> Any:
        async with self.engine.run(Query(sql), self.resolve, objects=self.source) as result:
            body = b"".join([chunk async for chunk in result.chunks])
            return msgspec.json.decode(body)["rows"]

    async def refused(self, sql: str) -> Any:
        with pytest.raises(RefusedError) as caught:
            await self.rows(sql)
        refused = caught.value.refused
        hidden = {self.name, self.server.secret_key, self.server.access_key}
        hidden.add(self.server.endpoint_url.partition("//")[2])
        # What the caller wrote himself may be shown to him.
        assert [text for text in hidden if text in refused.detail and text not in sql] == []
        return refused


@pytest.fixture
async def remote(s3_server: Any, tmp_path: Path) -> AsyncIterator[Remote]:
    made = Remote(s3_server, tmp_path)
    await made.begin()
    yield made
    await made.end()


async def test_a_dataset_on_s3_is_read_and_its_caches_stay_right(remote: Remote) -> None:
    await remote.add("sales", parquet(1000))
    for _ in range(3):
        assert await remote.rows("SELECT sum(x), count(s) FROM sales") == [[499500, 1000]]
    await remote.add("sales", parquet(1000), parquet(10))
    assert await remote.rows("SELECT count(*) FROM sales") == [[1010]]
    assert await remote.rows("SHOW TABLES") == [["sales"]]


async def test_large_objects_are_fetched_once_and_in_parts(remote: Remote) -> None:
    bodies = parquet(300_000), parquet(200_000)
    await remote.add("large", *bodies)
    blocks = sum(-(-len(body) // BLOCK_BYTES) for body in bodies)
    assert blocks > 4
    expected = sum(range(300_000)) + sum(range(200_000))
    assert await remote.rows("SELECT sum(x) FROM large") == [[expected]]
    some = remote.source.reader.remote.fetched
    assert 0 < some <= blocks
    digest = "SELECT bit_xor(hash(x, s)), count(*) FROM large"
    first = await remote.rows(digest)
    assert await remote.rows(f"{digest} WHERE true") == first
    assert remote.source.reader.remote.fetched <= blocks
    assert remote.source.used_blobs


async def test_another_process_reads_what_was_cached(remote: Remote, tmp_path: Path) -> None:
    await remote.add("sales", parquet(200_000))
    was = await remote.rows("SELECT bit_xor(hash(x, s)) FROM sales")
    fetched = remote.source.reader.remote.fetched
    other = Remote(remote.server, tmp_path)
    other.settings = remote.settings
    await other.begin()
    await other.add("sales", parquet(200_000))
    assert await other.rows("SELECT bit_xor(hash(x, s)) FROM sales") == was
    assert other.source.reader.remote.fetched == 0 < fetched
    await other.end()


@pytest.mark.parametrize("change", ["alter", "truncate", "delete", "replace"])
async def test_a_changed_cache_is_never_computed_with(remote: Remote, change: str) -> None:
    await remote.add("sales", parquet(200_000))
    sql = "SELECT bit_xor(hash(x, s)) FROM sales"
    was = await remote.rows(sql)
    files = [path for path in remote.cache_dir.rglob("*") if path.is_file()]
    if change == "replace":
        # The kernel does not let a worker read the directory that is made in its place.
        shutil.rmtree(remote.cache_dir)
        files_left: list[Path] = []
    else:
        files_left = files
    for path in files_left:
        body = path.read_bytes()
        match change:
            case "alter":
                path.write_bytes(bytes(byte ^ 255 for byte in body))
            case "truncate":
                os.truncate(path, len(body) // 2)
            case "delete":
                path.unlink()
    for number in range(3):
        assert await remote.rows(f"{sql} WHERE x >= {-number}") == was
    assert len(files) > 1


async def test_without_a_cache_answers_are_the_same(s3_server: Any, tmp_path: Path) -> None:
    remote = Remote(s3_server, tmp_path)
    (tmp_path / "file").write_bytes(b"")
    remote.cache = BlockCache(tmp_path / "file" / "cache", 1 << 30)
    await remote.begin()
    await remote.add("sales", parquet(300_000))
    for _ in range(2):
        assert await remote.rows("SELECT sum(x), count(s) FROM sales") == [
            [sum(range(300_000)), 300_000]
        ]
    await remote.end()


async def test_a_lost_object_on_s3_is_told_without_the_bucket(remote: Remote) -> None:
    await remote.add("gone", parquet(10))
    with remote.server.client() as client:
        for entry in client.list_objects_v2(Bucket=remote.name)["Contents"]:
            client.delete_object(Bucket=remote.name, Key=entry["Key"])
    assert (await remote.refused("SELECT * FROM gone")).code == "object_lost"


async def test_nothing_else_in_the_bucket_and_no_other_url_can_be_read(remote: Remote) -> None:
    await remote.add("sales", parquet(10))
    outside = f"s3://{remote.name}/other/secret.parquet"
    for sql in (
        f"FROM '{outside}'",
        f"FROM read_parquet('{outside}')",
        f"FROM read_parquet('{remote.views['sales'].objects[0]}')",
        f"FROM '{remote.server.endpoint_url}/{remote.name}/other/secret.parquet'",
        "FROM duckdb_secrets()",
        "SELECT current_setting('s3_secret_access_key')",
    ):
        assert (await remote.refused(sql)).code in ("sql_error", "statement_not_allowed")
    # A second wall behind the guard: what the query may not read is not opened by a view either.
    remote.views["stray"] = View("stray", (outside,), COLUMNS)
    assert (await remote.refused("FROM stray")).code == "statement_not_allowed"
    remote.views["stray"] = View("stray", ("lake://100/objects/other",), COLUMNS)
    assert (await remote.refused("FROM stray")).code == "object_lost"


async def test_wrong_credentials_are_the_servers_fault_and_stay_hidden(remote: Remote) -> None:
    if remote.server.kind == "moto":
        pytest.skip("moto takes any credential")
    await remote.add("sales", parquet(10))
    good = remote.settings
    remote.bucket.renew(msgspec.structs.replace(good, secret_access_key="wrong/secret+key"))
    assert (await remote.refused("FROM sales")).code == "bucket_refused"
    remote.bucket.renew(good)
    assert await remote.rows("SELECT count(*) FROM sales") == [[10]]


async def test_a_store_that_is_down_is_unavailable(remote: Remote, unused_tcp_port: int) -> None:
    await remote.add("sales", parquet(10))
    nowhere = msgspec.structs.replace(
        remote.settings, endpoint_url=f"http://127.0.0.1:{unused_tcp_port}"
    )
    down = await S3Bucket.open(nowhere)
    remote.source.reader = ObjectSourceOf(down).reader
    assert (await remote.refused("FROM sales")).code == "bucket_unavailable"
    await down.close()


async def test_a_worker_has_no_credential_no_connection_and_no_file_of_ours(
    remote: Remote,
) -> None:
    """Looked at from outside, while it reads an object."""
    await remote.add("sales", parquet(300_000))
    seen: list[dict[str, Any]] = []
    answer = remote.source.blocks

    async def look_first(wanted: Any) -> Any:
        [pid] = worker_pids()
        seen.append(await asyncio.to_thread(_held_by, pid))
        return await answer(wanted)

    remote.source.blocks = look_first  # type: ignore[method-assign]
    await remote.rows("SELECT sum(x) FROM sales")
    secrets = remote.server.secret_key, remote.server.access_key, remote.server.endpoint_url
    assert seen
    for held in seen:
        assert not [text for text in secrets if text in held["cmdline"] + held["environ"]]
        assert held["sockets"] == 2
        others = [path for path in held["files"] if not path.startswith(("/dev/", "/proc/"))]
        # Memory that it shares with the server, which has no path.
        assert others == ["/memfd:lakehouse-results (deleted)"]
        assert held["no_new_privileges"]
        assert held["seccomp"] == 2


def _held_by(pid: int) -> dict[str, Any]:
    """A process's environment, open files and sockets, as the kernel tells."""
    place = Path(f"/proc/{pid}")
    # Beyond stdin, stdout and stderr, which is the server's own.
    targets = [os.readlink(each) for each in (place / "fd").iterdir() if int(each.name) > 2]
    status = dict(
        line.split(":\t", 1)
        for line in (place / "status").read_text().splitlines()
        if ":\t" in line
    )
    return {
        "cmdline": (place / "cmdline").read_text(),
        "environ": (place / "environ").read_text(),
        "sockets": sum(target.startswith("socket:") for target in targets),
        "files": [target for target in targets if target.startswith("/")],
        "no_new_privileges": status["NoNewPrivs"] == "1",
        "seccomp": int(status["Seccomp"]),
    }
