"""ops/RUNBOOK.md, rehearsed: each problem is caused, and the document's own commands solve it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from process import CHECKOUT, Lakehouse, clean_environment
from rehearsal import play, sections
from s3_server import free_ports

PLAYS = sections((CHECKOUT / "ops" / "RUNBOOK.md").read_text())
SLOTS = 6


class Scene:
    """A lake of five events in a directory, and a shell's environment."""

    def __init__(self, directory: Path, lake: Path | None = None) -> None:
        self.directory = directory
        self.bucket = directory / "bucket"
        self.copy = directory / "copy"
        self.port = free_ports(1)
        self.environ = clean_environment() | {
            "LAKEHOUSE_BUCKET": str(self.bucket),
            "LAKEHOUSE_LOG_LEVEL": "error",
            "COPY": str(self.copy),
            "PORT": str(self.port),
            "PATH": f"{directory / 'bin'}:{os.environ['PATH']}",
        }
        _install(directory / "bin" / "lakehouse", f'exec "{sys.executable}" -m lakehouse "$@"')
        (directory / "people.csv").write_text("id,name\n1,ann\n2,bob\n")
        if lake is not None:
            shutil.copytree(lake, self.bucket)

    def run(self, *words: str) -> str:
        command = ["lakehouse", *words]
        return subprocess.run(
            command,
            cwd=self.directory,
            env=self.environ,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def record(self) -> None:
        """Record the head, and make the copy."""
        head = json.loads(self.run("journal", "head", "--json"))
        self.environ["RECORDED"] = f"{head['seq']}:{head['sha256']}"
        shutil.copytree(self.bucket, self.copy)

    def slot(self, position: int) -> Path:
        return self.bucket / "_journal" / "slots" / f"{position:020d}.ndjson"

    def object(self) -> Path:
        """The one object of the dataset `people`."""
        (found,) = (self.bucket / "datasets" / "people").rglob("*.parquet")
        return found


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    first = Scene(tmp_path_factory.mktemp("lake"))
    for number, name in enumerate(["people", "others2", "others3", "others4", "others5"], 1):
        assert f"event {number}" in first.run("ingest", "people.csv", "--name", name)
    return first.bucket


@pytest.fixture
def scene(tmp_path: Path, lake: Path) -> Scene:
    return Scene(tmp_path, lake)


def _install(path: Path, command: str) -> None:
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)


def a_sixth(scene: Scene) -> None:
    scene.run("ingest", "people.csv", "--name", "others6")
    scene.record()


def recording(scene: Scene) -> Generator[None, None, None]:
    scene.run("ingest", "people.csv", "--name", "others6")
    if shutil.which("jq") is None:
        # The document's use of jq, for a machine without it.
        script = "import json, sys; head = json.load(sys.stdin); print(head['seq'], head['sha256'], sep=':')"
        (scene.directory / "jq.py").write_text(script)
        jq = scene.directory / "bin" / "jq"
        jq.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{scene.directory}/jq.py"\n')
        jq.chmod(0o755)
    yield
    scene.record()
    assert (scene.directory / "recorded").read_text().strip() == scene.environ["RECORDED"]


def lost_node(scene: Scene) -> Generator[None, None, None]:
    node = Lakehouse(str(scene.bucket), free_ports(1), scene.directory / "node.log")
    node.start()
    body = (scene.directory / "people.csv").read_bytes()
    assert node.client.put("people.csv", body, Idempotency_Key="under-way").status == 200
    node.kill()
    yield


def damaged_slot(scene: Scene) -> Generator[None, None, None]:
    a_sixth(scene)
    damage(scene.slot(2))
    yield
    yield


def changed_last_slot(scene: Scene) -> Generator[None, None, None]:
    a_sixth(scene)
    damage(scene.slot(SLOTS))
    yield


def missing_slot(scene: Scene) -> Generator[None, None, None]:
    a_sixth(scene)
    scene.slot(3).unlink()
    yield


def no_lake(scene: Scene) -> Generator[None, None, None]:
    a_sixth(scene)
    (scene.bucket / "_journal" / "lake.json").unlink()
    yield


def restored_backup(scene: Scene) -> Generator[None, None, None]:
    a_sixth(scene)
    for position in (5, 6):
        scene.slot(position).unlink()
    yield
    yield


def damaged_caches(scene: Scene) -> Generator[None, None, None]:
    a_sixth(scene)
    key = json.loads(scene.run("journal", "checkpoint", "--json"))["checkpoint"]
    (scene.bucket / key).write_bytes(b"damage")
    yield


def lost_object(scene: Scene) -> Generator[None, None, None]:
    a_sixth(scene)
    scene.object().unlink()
    yield


def lost_store(scene: Scene) -> Generator[None, None, None]:
    second = scene.directory / "second"
    scene.environ["SECOND"] = str(second)
    scene.run("store", "put", "second", second.as_uri())
    scene.run("store", "copy", "main", "second", "people")
    shutil.rmtree(second)
    yield


def wrong_drop(scene: Scene) -> Generator[None, None, None]:
    scene.run("drop", "people", "--reason", "wrong button")
    yield


def bad_load(scene: Scene) -> Generator[None, None, None]:
    """The section loads the bad file itself."""
    rows = ("sql", "SELECT * FROM people ORDER BY ALL", "--format", "csv")
    yield
    assert scene.run(*rows) == "id,name\n1,ann\n2,bob\n2,rob\n3,eve\n"
    yield
    assert scene.run(*rows) == "id,name\n1,ann\n2,bob\n"
    yield
    assert scene.run(*rows) == "id,name\n1,ann\n2,bob\n4,dan\n"
    yield
    assert scene.run(*rows) == "id,name\n1,ann\n2,bob\n4,dan\n"


def a_person_s_rows(scene: Scene) -> Generator[None, None, None]:
    yield
    people = scene.object().read_bytes()
    assert b"bob" in people
    assert b"ann" not in people


def filling_up(scene: Scene) -> Generator[None, None, None]:
    scene.run("drop", "people")
    yield
    assert list((scene.bucket / "datasets").rglob("people/**/*.parquet")) == []


def stuck(scene: Scene) -> Generator[None, None, None]:
    a_sixth(scene)
    node = Lakehouse(str(scene.bucket), free_ports(1), scene.directory / "node.log")
    node.start()
    # Stopped, it answers nobody and yet is there: no process can hang more than that.
    os.kill(node.pids[0], signal.SIGSTOP)
    scene.environ["STUCK"] = str(node.pids[0])
    with contextlib.closing(node):
        yield


SCENES: dict[str, Callable[[Scene], Generator[None, None, None]]] = {
    "Recording the head": recording,
    "A lost node": lost_node,
    "A damaged slot": damaged_slot,
    "A changed last slot": changed_last_slot,
    "A missing slot": missing_slot,
    "No lake.json": no_lake,
    "A restored backup": restored_backup,
    "Lost or damaged caches": damaged_caches,
    "A lost object": lost_object,
    "A store is gone": lost_store,
    "A wrong drop, an hour ago": wrong_drop,
    "A bad load, corrected in three ways": bad_load,
    "A person's rows must go": a_person_s_rows,
    "A bucket that fills up": filling_up,
    "A stuck or halted writer": stuck,
}
"""Causes a section's problem, step by step: one `yield` for each of its blocks."""


def damage(path: Path) -> None:
    body = path.read_bytes()
    path.write_bytes(body.replace(b'"mode"', b'"mood"', 1).replace(b"@", b"!", 1))
    assert path.read_bytes() != body


@pytest.mark.parametrize("title", SCENES)
def test_the_runbook_s_commands_end_the_trouble(title: str, scene: Scene) -> None:
    with contextlib.closing(SCENES[title](scene)) as steps:
        for block in PLAYS[title]:
            next(steps)
            play(block, scene.directory, scene.environ)
        assert next(steps, "over") == "over", "more steps than blocks"


def test_each_block_is_played() -> None:
    assert {title for title, blocks in PLAYS.items() if blocks} == SCENES.keys()
