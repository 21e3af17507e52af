"""The matrix of engines: each reads every version of a corpus, and must get what SQL answers as of then.

`python -m tests.engines.matrix DIRECTORY [ENGINE …]`: the directory has an environment for each engine
(`ops/engines` makes them). Prints engine × (list, time travel of the whole lake, scan, versions, versions by
time, types, what is left after a collection, S3 with the keys of the catalog, pushdown there, appends),
and what differed. Exit 1 if anything did.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

HERE = Path(__file__).parent
ASPECTS = (
    *("list", "lake as of", "scan", "versions", "times", "types", "collected"),
    *("S3", "pushdown", "append"),
)
sys.path[:0] = [str(HERE), str(HERE.parent)]

from canonical import columns, rows  # noqa: E402
from lake_server import running_lake  # noqa: E402
from s3_server import ACCESS_KEY, SECRET_KEY, Radosgw  # noqa: E402

import lakehouse  # noqa: E402
from lakehouse.client.lake import Lake  # noqa: E402
from tests.engines import collected, moments, pushdown  # noqa: E402
from tests.engines.corpus import corpus  # noqa: E402
from tests.engines.counting_proxy import CountingProxy  # noqa: E402
from tests.engines.engine_process import Reader  # noqa: E402

ENVIRONMENTS = {
    "pyiceberg": "python",
    "polars": "python",
    "daft": "python",
    "duckdb": "duckdb",
    "sail": "sail",
    "chdb": "chdb",
}
REFUSED = {"daft": "carries no parquet field IDs"}
"""What an engine refuses in words: Daft does not read uploaded files without ids by their names."""
DIFFERENT = {"chdb": ("every_type", "values_of_all_types")}
"""What an engine reads wrong: chDB reads a null list as an empty one, a time as whole seconds."""
WITHOUT_KEYS = ("sail", "chdb")
"""The engines that take no endpoint and keys from a catalog: their own environment names these."""
WRITERS = ("pyiceberg",)
"""The engines that append."""


def differences(lake: Lake, engine: str, reader: Reader, head: int) -> Iterator[tuple[str, str]]:
    """What an engine reads otherwise than SQL answers: (aspect, what)."""
    for seq in (0, 1, head // 2, head - 1, head):
        wanted = sorted(each.name for each in lake.datasets(as_of=seq))
        found = reader.ask(list=f"at:{seq}")
        if sorted(found.get("tables", [])) != wanted:
            yield "lake as of", f"at:{seq}: {found}, not {wanted}"
    names = [each.name for each in lake.datasets()]
    if sorted(reader.ask(list="lake").get("tables", [])) != names:
        yield "list", "the tables of now"
    for name in names:
        for snapshot in [None, *_snapshot_ids(lake, name)]:
            answer = lake.sql(f'FROM "{name}"', as_of=snapshot).arrow()
            found = reader.ask(table=name, snapshot=snapshot)
            if engine in REFUSED and REFUSED[engine] in found.get("error", ""):
                yield "refused", name
            elif name in DIFFERENT.get(engine, ()):
                yield _known(name, found, answer)
            else:
                yield from _compared(f"{name} at {snapshot}", found, answer)


def _known(name: str, found: dict[str, Any], answer: pa.Table) -> tuple[str, str]:
    """What an engine is known to read wrong must still be so, or this table says too little."""
    if "error" in found:
        return "scan", f"{name}: {found}"
    if found == {"rows": rows(answer), "columns": columns(answer)}:
        return "scan", f"{name} is no longer different"
    return "different", name


def _compared(what: str, found: dict[str, Any], answer: pa.Table) -> Iterator[tuple[str, str]]:
    wanted, types = rows(answer), columns(answer)
    if found.get("rows") != wanted:
        aspect = "scan" if what.endswith("None") else "versions"
        yield aspect, f"{what}: {str(found)[:300]}, not {str(wanted)[:300]}"
    elif found["columns"] != types:
        yield "types", f"{what}: {found['columns']}, not {types}"


def _snapshot_ids(lake: Lake, name: str) -> list[int]:
    return [each["snapshot-id"] for each in moments.snapshots(lake, name)]


def appends(lake: Lake, readers: list[Reader]) -> Iterator[tuple[str, str]]:
    """What is wrong after two clients appended to one table at once, each several times."""
    lake.ingest(b"n\n-1\n", "appended", "append")
    values = [list(range(first, first + 5)) for first in (0, 100)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda reader, some: reader.ask(append="appended", values=some), readers, values
            )
        )
    yield from (("append", str(each)) for each in answers if "error" in each)
    found = [row[0] for row in lake.sql("FROM appended ORDER BY n").rows()]
    wanted = [-1, *values[0], *values[1]]
    if found != wanted:
        yield "append", f"{found}, not {wanted}"
    overwritten = readers[0].ask(overwrite="appended").get("error", "")
    if "UnsupportedOperation" not in overwritten:
        yield "append", f"an overwrite was answered with {overwritten or 'success'}"


@contextmanager
def lake_in_s3(directory: Path) -> Iterator[tuple[Any, CountingProxy]]:
    """A lake in a store with STS behind a proxy; its catalog gives keys, and takes appends."""
    gateway = Radosgw(directory / "radosgw", "memstore")
    with ExitStack() as stack:
        stack.callback(gateway.kill)
        gateway.start()
        proxy = CountingProxy(int(gateway.server.endpoint_url.rpartition(":")[2]))
        stack.callback(proxy.close)
        secrets = directory / "secrets.toml"
        secrets.touch(0o600)
        secrets.write_text(
            f'aws_access_key_id = "{ACCESS_KEY}"\naws_secret_access_key = "{SECRET_KEY}"\n'
        )
        lake = running_lake(
            directory,
            environ={"AWS_ENDPOINT_URL": proxy.url},
            bucket=f"s3://{gateway.server.make_bucket()}/lake",
            secrets_file=str(secrets),
            spool_dir=str(directory / "spool"),
            iceberg_role_arn=gateway.make_role("engines"),
            iceberg_writes=True,
            compact_objects=0,
        )
        yield stack.enter_context(lake), proxy


def of_s3(lake: Lake, reader: Reader) -> Iterator[tuple[str, str]]:
    """What an engine reads otherwise of the tables in S3."""
    for name in ("plain", "many", "edited"):
        for snapshot in [None, *_snapshot_ids(lake, name)[-2:]]:
            wanted = rows(lake.sql(f'FROM "{name}"', as_of=snapshot).arrow())
            found = reader.ask(table=name, snapshot=snapshot)
            if found.get("rows") != wanted:
                yield "S3", f"{name} at {snapshot}: {str(found)[:300]}, not {str(wanted)[:300]}"


def main(environments: Path, *engines: str) -> int:
    wanted = engines or tuple(ENVIRONMENTS)
    found: dict[str, list[tuple[str, str]]] = {engine: [] for engine in wanted}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        local = running_lake(directory / "lake", iceberg_writes=True)
        with local as server, connected(server) as (lake, url):
            corpus(lake)
            for engine in wanted:
                with readers(environments, engine, url) as some:
                    found[engine] += differences(lake, engine, some[0], server.head())
                    found[engine] += moments.differences(lake, some[0])
                    found[engine] += appends(lake, some) if engine in WRITERS else []
        read_only = running_lake(directory / "collected", iceberg_wait_s=0)
        with read_only as server, connected(server) as (lake, url):
            collected.fill(lake)
            for engine in wanted:
                with readers(environments, engine, url) as some:
                    found[engine] += collected.differences(lake, some[0])
                    found[engine] += collected.refusals(lake, some[0]) if engine in WRITERS else []
        with lake_in_s3(directory) as (server, proxy), connected(server) as (lake, url):
            corpus(lake)
            pushdown.fill(lake)
            for engine in wanted:
                own = own_keys(proxy) if engine in WITHOUT_KEYS else {}
                with readers(environments, engine, url, own) as some:
                    found[engine] += of_s3(lake, some[0])
                    found[engine] += pushdown.measured(some[0], proxy)
                    found[engine] += appends(lake, some) if engine in WRITERS else []
    return report(found)


@contextmanager
def connected(server: Any) -> Iterator[tuple[Lake, str]]:
    url = f"http://127.0.0.1:{server.port}"
    with lakehouse.connect(url) as lake:
        yield lake, url


@contextmanager
def readers(
    environments: Path, engine: str, url: str, environ: Mapping[str, str] | None = None
) -> Iterator[list[Reader]]:
    """The processes of an engine: two of one that appends."""
    python = environments / ENVIRONMENTS[engine] / "bin" / "python"
    with ExitStack() as stack:
        some = []
        for _ in range(1 + (engine in WRITERS)):
            some.append(Reader(python, engine, f"{url}/iceberg", environ))
            stack.callback(some[-1].close)
        yield some


def own_keys(proxy: CountingProxy) -> dict[str, str]:
    """The environment of an engine that has a key of its own."""
    return {
        "AWS_ENDPOINT_URL": proxy.url,
        "AWS_ENDPOINT": proxy.url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    }


def report(found: dict[str, list[tuple[str, str]]]) -> int:
    """Print the matrix; 1 if anything differed."""
    failed = False
    for engine, rows_found in found.items():
        counts = Counter(aspect for aspect, _ in rows_found)
        refused, different, _ = (counts.pop(each, 0) for each in ("refused", "different", "read"))
        failed = failed or bool(counts)
        untried = set() if engine in WRITERS else {"append"}
        shown = [f"{each}: {counts[each] or 'ok'}" for each in ASPECTS if each not in untried]
        known = f"refused in words: {refused}  known to differ: {different}"
        print(f"{engine:10}", *shown, known, sep="  ")
        for aspect, what in rows_found:
            if aspect not in ("refused", "different"):
                print(f"    {aspect}: {what}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
