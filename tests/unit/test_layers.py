"""The arrows between the packages, and the purity of the pure files, read from the imports."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "journal": {"journal"},
    "projections": {"journal", "projections"},
    "lakehouse": {"journal", "projections", "lakehouse"},
}
PURE = [
    "journal/events.py",
    "journal/slot.py",
    "journal/commit.py",
    "journal/bucket/keys.py",
    "projections/catalog.py",
    "projections/fold.py",
    "projections/history.py",
    "projections/inventory.py",
    "projections/moment.py",
    "projections/requests.py",
    "projections/views.py",
    "lakehouse/batch.py",
    "lakehouse/checks.py",
    "lakehouse/rules/collecting.py",
    "lakehouse/commands.py",
    "lakehouse/rules/contracts.py",
    "lakehouse/decide.py",
    "lakehouse/rules/decision.py",
    "lakehouse/diffing.py",
    "lakehouse/errors.py",
    "lakehouse/rules/restoring.py",
    "lakehouse/receipts.py",
    "lakehouse/query/bounds.py",
    "lakehouse/query/cache.py",
    "lakehouse/query/formats.py",
    "lakehouse/rules/undoing.py",
    "lakehouse/upkeep/garbage.py",
    "lakehouse/upkeep/whatif.py",
    "lakehouse/query/guard.py",
    "lakehouse/query/relations.py",
    "lakehouse/system/blocks.py",
    "lakehouse/web/conditions.py",
    "lakehouse/web/negotiation.py",
    "lakehouse/web/origin.py",
]
CLOCKS_CHANCE_AND_IO = {
    "asyncio", "io", "os", "pathlib", "random", "secrets", "shutil", "socket", "subprocess",
    "tempfile", "threading", "time", "aiohttp", "aioboto3", "duckdb", "pyarrow", "structlog",
}  # fmt: skip
UP_THE_STAIRS = {
    # commands, errors ← decide ← service ← web, cli ← wiring
    "service": {"web", "cli", "wiring", "serve"},
    "ingest": {"web", "cli", "wiring", "serve", "service", "node", "writer"},
    "query": {"web", "cli", "wiring", "serve", "service", "node", "writer"},
    "system": {"web", "cli", "wiring", "serve", "service"},
    "web": {"cli", "wiring"},
}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Full names of what a file imports, relative imports resolved."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            found.add(".".join([*package, *([node.module] if node.module else [])]))
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_arrows_point_from_facts_to_what_follows_to_what_we_do(package: str) -> None:
    for path in sources(package):
        ours = {name.split(".")[0] for name in imported(path)} & set(MAY_IMPORT)
        assert ours <= MAY_IMPORT[package], path


@pytest.mark.parametrize("name", PURE)
def test_pure_files_import_no_clock_no_chance_no_io(name: str) -> None:
    tops = {each.split(".")[0] for each in imported(ROOT / name)}
    assert not tops & CLOCKS_CHANCE_AND_IO
    assert "now(" not in (ROOT / name).read_text()


@pytest.mark.parametrize("room", UP_THE_STAIRS)
def test_rooms_of_lakehouse_do_not_look_up_the_stairs(room: str) -> None:
    above = {f"lakehouse.{each}" for each in UP_THE_STAIRS[room]}
    for path in sources(f"lakehouse/{room}"):
        reached = {".".join(name.split(".")[:2]) for name in imported(path)}
        assert not reached & above, path


def test_decide_knows_commands_errors_and_projections_alone() -> None:
    rules = {
        "lakehouse",
        "lakehouse.rules",
        "lakehouse.rules.restoring",
        "lakehouse.rules.collecting",
        "lakehouse.rules.contracts",
    }
    for name in ("decide", "rules/restoring", "rules/collecting", "rules/contracts"):
        path = ROOT / f"lakehouse/{name}.py"
        ours = {each for each in imported(path) if each.startswith("lakehouse")}
        assert ours - rules <= {
            "lakehouse.commands",
            "lakehouse.rules.decision",
            "lakehouse.errors",
        }


def test_the_journal_needs_little_besides_the_standard_library() -> None:
    for path in (ROOT / "journal").glob("*.py"):
        tops = {name.split(".")[0] for name in imported(path)}
        foreign = tops - set(sys.stdlib_module_names) - {"journal"}
        assert foreign <= {"msgspec", "zstandard"}, path
