"""The arrows between the packages, and the purity of what claims to be pure: read from imports."""

import ast
import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("journal", "projections", "lakehouse")
FLOORS = (
    {"api", "logs", "metrics", "no_lake", "roles", "tracing"},
    {"domain"},
    {"config", "objects"},
    {"secrets_file"},
    {"process"},
    {"audit", "commit", "formats"},
    {"system", "iceberg"},
    {"query"},
    {"admin"},
    {"service"},
    {"mcp", "console"},
    {"directories", "store_access"},
    {"web", "wiring"},
    {"listening", "flight"},
    {"serve", "client", "gateway"},
    {"aio", "dbapi"},
    {"sqlalchemy_dialect"},
    {"cli"},
    {"__main__"},
)
"""The packages and modules of `lakehouse/`; imports go to a lower floor, or stay where they are."""
MAX_FILES, MAX_LINES = 20, 350
IMPURE = {
    "aioboto3", "aiohttp", "asyncio", "botocore", "concurrent", "ctypes", "duckdb", "multiprocessing", "os",
    "random", "secrets", "select", "selectors", "shutil", "signal", "socket", "structlog", "subprocess",
    "tempfile", "threading", "time",
}  # fmt: skip
"""Modules of clocks, chance, threads, processes and I/O."""
CLOCK = re.compile(r"\b(datetime\.now|datetime\.today|date\.today|utcnow)\(")
LOADED_BY_LIBRARIES = "import msgspec, uuid, re, datetime, decimal, hashlib, zoneinfo, zstandard"
LOADING_MORE = (
    "lakehouse.query",
    "lakehouse.formats",
    "lakehouse.system",
    "lakehouse.iceberg",
    "lakehouse.flight",
)
LOADS_MORE = "import pyarrow, pyarrow.compute, duckdb, fastavro; pyarrow.array([1])"
"""Arrow imports pandas, where it is installed, with the first array that it makes."""


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@functools.cache
def imported(path: Path) -> frozenset[str]:
    """Full names of the modules, and of the names in them, that a file imports for its work."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    for node in _working(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            found |= {f"{node.module}.{name.name}" for name in node.names} | {node.module or ""}
    return frozenset(found)


def _working(tree: ast.AST) -> list[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING:`, which are never run."""
    found: list[ast.AST] = [tree]
    for node in found:
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            found.extend(ast.iter_child_nodes(node))
    return found


def ours(path: Path) -> set[str]:
    """The first two parts of our own modules that a file imports: `lakehouse.domain`."""
    parts = [name.split(".")[:2] for name in imported(path)]
    return {".".join(each) for each in parts if each[0] in PACKAGES}


@pytest.mark.parametrize("package", PACKAGES)
def test_arrows_point_from_facts_to_what_follows_to_what_we_do(package: str) -> None:
    allowed = PACKAGES[: PACKAGES.index(package) + 1]
    for path in sources(package):
        assert {name.split(".")[0] for name in ours(path)} <= {*allowed}, path


def test_each_part_of_lakehouse_has_its_floor() -> None:
    parts = {path.stem for path in (ROOT / "lakehouse").iterdir() if path.suffix == ".py"}
    parts |= {path.parent.name for path in (ROOT / "lakehouse").glob("*/__init__.py")}
    assert parts - {"__init__"} == set().union(*FLOORS)


@pytest.mark.parametrize("floor", range(len(FLOORS)))
def test_imports_in_lakehouse_go_downward(floor: int) -> None:
    below = set().union(*FLOORS[:floor])
    for part in FLOORS[floor]:
        paths = [*sources(f"lakehouse/{part}"), *(ROOT / "lakehouse").glob(f"{part}.py")]
        for path in paths:
            reached = {name.split(".")[1] for name in ours(path) if name.startswith("lakehouse.")}
            assert reached <= below | {part}, path


def test_no_module_imports_itself_through_others() -> None:
    paths = {module_of(path): path for package in PACKAGES for path in sources(package)}
    arrows = {name: imported(path) & paths.keys() - {name} for name, path in paths.items()}
    while leaves := [name for name, others in arrows.items() if not others & arrows.keys()]:
        for name in leaves:
            del arrows[name]
    assert arrows == {}


def test_folders_and_files_are_small() -> None:
    for package in PACKAGES:
        folders = {path.parent for path in sources(package)}
        for folder in folders:
            assert len([*folder.glob("*.py")]) <= MAX_FILES, folder
        for path in sources(package):
            assert len(path.read_text().splitlines()) <= MAX_LINES, path


def claims_purity(path: Path) -> bool:
    return "Pure" in (ast.get_docstring(ast.parse(path.read_text())) or "")


PURE = [path for package in PACKAGES for path in sources(package) if claims_purity(path)]


@pytest.mark.parametrize("libraries", [LOADED_BY_LIBRARIES, f"{LOADED_BY_LIBRARIES}; {LOADS_MORE}"])
def test_what_claims_to_be_pure_loads_nothing_that_is_not(libraries: str) -> None:
    """Transitively, in a fresh interpreter: every one of our modules that came along is read too."""
    more = libraries != LOADED_BY_LIBRARIES
    names = [module_of(path) for path in PURE if module_of(path).startswith(LOADING_MORE) == more]
    script = (
        f"import importlib, sys; {libraries}\n"
        "before = set(sys.modules)\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "print(*set(sys.modules) - before)\n"
    )
    asked = [sys.executable, "-c", script, *names]
    answer = subprocess.run(asked, capture_output=True, check=True, cwd=ROOT, text=True)
    loaded = answer.stdout.split()
    assert set(names) <= set(loaded)
    assert not {name.split(".")[0] for name in loaded} & IMPURE
    for name in loaded:
        if name.split(".")[0] in PACKAGES:
            source = ROOT / name.replace(".", "/")
            file = source / "__init__.py" if source.is_dir() else source.with_suffix(".py")
            assert not {each.split(".")[0] for each in imported(file)} & IMPURE, file
            assert not CLOCK.search(file.read_text()), file


def test_importing_the_port_loads_no_adapter() -> None:
    script = "import sys, journal.bucket, journal.bucket.port; print(*sys.modules)"
    asked = [sys.executable, "-c", script]
    answer = subprocess.run(asked, capture_output=True, check=True, cwd=ROOT, text=True)
    adapters = ("journal.bucket.local", "journal.bucket.s3", "journal.bucket.memory", "aioboto3")
    assert not [name for name in answer.stdout.split() if name.startswith(adapters)]


def test_the_journal_needs_little_besides_the_standard_library() -> None:
    for path in (ROOT / "journal").glob("*.py"):
        tops = {name.split(".")[0] for name in imported(path)}
        foreign = tops - set(sys.stdlib_module_names) - {"journal"}
        assert foreign <= {"msgspec", "zstandard"}, path
