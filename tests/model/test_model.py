"""A fixed number of random operations holds; `ops/model --operations N` goes on from there."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.model.__main__ import processes
from tests.model.run import ModelRun

if TYPE_CHECKING:
    from s3_server import S3Server

SEED = int(os.environ.get("LAKEHOUSE_TEST_SEED", "1"))
LOCAL_OPERATIONS, S3_OPERATIONS = 500, 100


@pytest.mark.timeout(1_200)
def test_the_lake_is_what_the_model_says(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    with processes(str(tmp_path / "bucket"), tmp_path, {}) as found:
        run = ModelRun(found, SEED, kills=0.05)
        run.run(LOCAL_OPERATIONS)
    _was_hard(run, 10, "stage", "commit", "derive", "refresh", "erase")


@pytest.mark.timeout(1_200)
def test_it_is_so_on_s3(tmp_path: Path, s3_server: "S3Server") -> None:
    from s3_server import REGION

    print(f"seed {SEED}")
    environ = {
        "AWS_ENDPOINT_URL": s3_server.endpoint_url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": s3_server.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
    }
    with processes(f"s3://{s3_server.make_bucket()}/lake", tmp_path, environ) as found:
        run = ModelRun(found, SEED, kills=0.05)
        run.run(S3_OPERATIONS)
    _was_hard(run, 2)


def _was_hard(run: ModelRun, kills: int, *rare: str) -> None:
    """A run in which nothing happens would hold too."""
    kinds = ("append", "replace", "merge", "overwrite", "delete", "update", "compact", "undo")
    assert all(run.done[kind] for kind in (*kinds, *rare)), run.done
    assert run.done["kill"] >= kills
