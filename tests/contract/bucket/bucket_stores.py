"""The stores behind the three adapters, seen from outside: with os and boto3, never with our code."""

import asyncio
import os
import stat
from collections.abc import Iterable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from s3_server import REGION, S3Server

from journal.bucket.memory import MemoryBucket
from journal.bucket.opening import open_bucket
from journal.bucket.port import Answer, Bucket
from journal.bucket.s3.settings import S3Settings


class MemoryStore:
    """Has no outside: its objects are looked at through a second reference."""

    kind = "memory"

    def __init__(self) -> None:
        self._bucket = MemoryBucket()

    async def connect(self) -> Bucket:
        return self._bucket

    async def bodies(self) -> dict[str, bytes]:
        return {key: body for key, (body, _) in self._bucket._objects.items()}

    def leftovers(self) -> list[str]:
        return []


class LocalStore:
    kind = "local"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url = directory.as_uri()
        self.settings = None

    async def connect(self) -> Bucket:
        return await open_bucket(self.url)

    async def bodies(self) -> dict[str, bytes]:
        found = {}
        for path in self.directory.rglob("*"):
            key = path.relative_to(self.directory).as_posix()
            if not key.startswith(".tmp") and stat.S_ISREG(path.lstat().st_mode):
                found[key] = path.read_bytes()
        return found

    def leftovers(self) -> list[str]:
        """Temporary files, whichever process's."""
        temporary = (self.directory / ".tmp").rglob("*")
        return [path.name for path in temporary if not path.is_dir()]


class S3Store:
    kind = "s3"

    def __init__(self, server: S3Server, prefix: str = "some/prefix") -> None:
        self.server = server
        self.name = server.make_bucket()
        self.prefix = prefix
        self.url = f"s3://{self.name}/{prefix}"
        self.settings = S3Settings(
            bucket=self.name,
            prefix=prefix,
            endpoint_url=server.endpoint_url,
            region=REGION,
            access_key_id=server.access_key,
            secret_access_key=server.secret_key,
        )

    async def connect(self) -> Bucket:
        return await open_bucket(self.url, self.settings)

    async def bodies(self) -> dict[str, bytes]:
        # In a thread, so that a server of the test's own loop can answer.
        return await asyncio.to_thread(self._bodies)

    def leftovers(self) -> list[str]:
        with self.server.client() as client:
            uploads = client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return [upload["Key"] for upload in uploads]

    def _bodies(self) -> dict[str, bytes]:
        with self.server.client() as client:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
            return {
                key.removeprefix(f"{self.prefix}/"): client.get_object(Bucket=self.name, Key=key)[
                    "Body"
                ].read()
                for key in keys
            }


Store = MemoryStore | LocalStore | S3Store


async def race(buckets: Iterable[Bucket], key: str, racer: str) -> list[tuple[str, Answer]]:
    """One create on each bucket, all at once: the body that each tried, and its answer."""
    bodies = [f"{racer}-{number}" for number, _ in enumerate(buckets)]
    created = await asyncio.gather(
        *(bucket.create(key, body.encode()) for bucket, body in zip(buckets, bodies, strict=True))
    )
    return [(body, each.answer) for body, each in zip(bodies, created, strict=True)]


def race_in_process(
    url: str,
    settings: S3Settings | None,
    barrier: Barrier,
    outcomes: "Queue[list[list[tuple[str, Answer]]]]",
    rounds: int,
) -> None:
    """What one of several processes does in a race: the same rounds, started together."""

    async def run() -> list[list[tuple[str, Answer]]]:
        buckets = [await open_bucket(url, settings) for _ in range(2)]
        outcome = []
        for number in range(rounds):
            await asyncio.to_thread(barrier.wait, 60)
            outcome.append(await race(buckets, f"race/{number:04d}", f"{os.getpid()}"))
        for bucket in buckets:
            await bucket.close()
        return outcome

    outcomes.put(asyncio.run(run()))
