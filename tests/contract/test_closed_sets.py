"""Closed sets: the type checker names every place that a new event, command or step concerns.

Each test adds a member to a copy of the source, as CONTRIBUTING.md says, and asks mypy.
"""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("journal", "projections", "lakehouse")

EVENT = '''
class DatasetFrozen(Record, frozen=True):
    """Nobody may change a dataset any more."""

    TYPE: ClassVar[str] = "dataset_frozen"
    name: str


'''
COMMAND = '''
class FreezeDataset(msgspec.Struct, frozen=True):
    """Let nobody change a dataset any more."""

    name: str


'''


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and the settings of the type checker; its cache, where there is one, saves time."""
    into = tmp_path_factory.mktemp("source")
    for name in (*PACKAGES, ".mypy_cache"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, into / name)
    shutil.copy2(ROOT / "pyproject.toml", into)
    return into


@pytest.fixture
def named(copy: Path) -> Iterator["Named"]:
    made = Named(copy)
    yield made
    made.restore()


class Named:
    """Changes one file and collects the functions in which mypy finds an error."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._before: dict[Path, str] = {}

    def change(self, path: str, *pairs: tuple[str, str]) -> None:
        file = self._root / path
        text = self._before[file] = file.read_text()
        for old, new in pairs:
            assert text.count(old) == 1, f"{path}: {old!r}"
            text = text.replace(old, new)
        file.write_text(text)

    def restore(self) -> None:
        for file, text in self._before.items():
            file.write_text(text)

    def places(self) -> set[str]:
        run = subprocess.run(
            [sys.executable, "-m", "mypy", "--no-error-summary"],
            cwd=self._root,
            capture_output=True,
            text=True,
            check=False,
        )
        found = re.findall(r"^([^:\n]+):(\d+): error: (.*)", run.stdout, re.MULTILINE)
        assert all("has incompatible type" in why for _, _, why in found), run.stdout
        return {f"{path}:{self._function(path, int(line))}" for path, line, _ in found}

    def _function(self, path: str, line: int) -> str:
        tree = ast.parse((self._root / path).read_text())
        functions = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.lineno <= line <= (node.end_lineno or node.lineno)
        ]
        return max(functions, key=lambda node: node.lineno).name


def test_a_new_event_is_named_wherever_it_must_be_handled(named: Named) -> None:
    named.change(
        "journal/events.py",
        (
            "Change = (\n    ObjectStored\n",
            EVENT + "Change = (\n    ObjectStored\n    | DatasetFrozen\n",
        ),
    )
    assert named.places() == {
        "journal/event_parts.py:objects_of",
        "journal/event_parts.py:_names_of",
        "projections/catalog.py:apply",
        "projections/history.py:_origins",
        "projections/inventory.py:apply",
        "lakehouse/domain/rules/undo.py:_inverse",
        "lakehouse/domain/rules/undo.py:_blocked",
        "lakehouse/admin/what_if.py:command_of",
        "lakehouse/domain/access/subjects.py:subjects_of",
    }


def test_a_new_command_is_named_where_it_is_decided(named: Named) -> None:
    named.change(
        "lakehouse/domain/commands.py",
        ("\nCommand = (\n", COMMAND + "Command = (\n"),
        ("    | RaiseFormat\n", "    | RaiseFormat\n    | FreezeDataset\n"),
    )
    assert named.places() == {"lakehouse/domain/decide.py:judge"}


def test_a_new_step_is_named_where_an_ingest_does_its_steps(named: Named) -> None:
    named.change(
        "lakehouse/domain/decision.py",
        ('    READ_FILE = "', '    ASK_SOMEBODY = "ask somebody"\n    READ_FILE = "'),
    )
    assert "lakehouse/service/ingest/job.py:__call__" in named.places()


CLOSED = {
    "journal/events.py": ("Change", "Data"),
    "lakehouse/domain/commands.py": ("Command",),
    "lakehouse/domain/decision.py": ("Answer", "Decision"),
    "lakehouse/commit/batch.py": ("Outcome",),
    "journal/log.py": ("Committed", "RaceLost", "CommitFailed"),
}


def test_no_wildcard_stands_beside_a_member_of_a_closed_set() -> None:
    members = {name for path, unions in CLOSED.items() for name in _members(path, unions)}
    assert {"ObjectStored", "DropDataset", "NeedsData", "CommandFailed", "RaceLost"} <= members
    wrong = [
        f"{path.relative_to(ROOT)}:{match.lineno}"
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for match in ast.walk(ast.parse(path.read_text()))
        if isinstance(match, ast.Match) and _classes(match) & members and _swallows(match)
    ]
    assert wrong == []


def _members(path: str, unions: tuple[str, ...]) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    found = set(unions)
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in unions:
            found |= {each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)}
    return found


def _classes(match: ast.Match) -> set[str]:
    patterns = [each for case in match.cases for each in ast.walk(case.pattern)]
    return {ast.unparse(each.cls) for each in patterns if isinstance(each, ast.MatchClass)}


def _swallows(match: ast.Match) -> bool:
    """Whether the last case takes anything and no typed function gets it: the type checker sees nothing."""
    last = match.cases[-1]
    wild = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
    subject = ast.unparse(match.subject)
    calls = [each for step in last.body for each in ast.walk(step) if isinstance(each, ast.Call)]
    passed = {ast.unparse(argument) for call in calls for argument in call.args}
    return wild and subject not in passed
