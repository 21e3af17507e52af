"""Clients that need environments of their own: `python -m tests.recipes.all_clients DIRECTORY`.

The directory has the environments `python` and `node` (`ops/clients` makes them). Prints what each client
did. Exit 1 if any could not.
"""

import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]

import structlog  # noqa: E402
from lake_server import running_lake  # noqa: E402

from tests.recipes import dbt_project, mcp_conformance, sqlalchemy_compliance  # noqa: E402

SALES = b"id,item,price\n1,tea,5.0\n2,jam,4.0\n"


def main(environments: Path) -> int:
    """Run all of them on one lake."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    python = environments / "python/bin/python"
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        with running_lake(directory / "bucket") as lake:
            assert lake.ingest("name=sales", SALES).status == 200
            url = f"http://127.0.0.1:{lake.port}"
            checks: dict[str, Callable[[], str]] = {
                "MCP conformance": lambda: mcp_conformance.main(
                    environments / "node", f"{url}/mcp", directory / "conformance"
                ),
                "MCP SDK": lambda: script(
                    python, "mcp_sdk.py", sys.executable, str(lake.bucket), f"{url}/mcp"
                ),
                "Ibis": lambda: script(python, "ibis_recipe.py", url),
                "charts": lambda: script(python, "draw_charts.py", url),
                "SQLAlchemy": lambda: sqlalchemy_compliance.main(directory / "compliance"),
                "dbt": lambda: dbt_project.main(python, url, directory / "dbt"),
            }
            failed = [name for name, check in checks.items() if not passes(name, check)]
    print(f"ops/clients: {len(checks) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def passes(name: str, check: Callable[[], str]) -> bool:
    """Run one check and print how it ended."""
    try:
        print(f"{name}: {check()}", flush=True)
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        print(f"{name}: FAILED\n{error}", flush=True)
        return False
    return True


def script(python: Path, name: str, *words: str) -> str:
    """What a script of another environment prints. Raises AssertionError with its errors."""
    done = subprocess.run(
        [str(python), str(HERE / name), *words], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    return "; ".join(done.stdout.splitlines())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute()))
