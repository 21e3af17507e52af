"""The conformance suite of MCP against `POST /mcp`: which of its checks may fail, and why.

The suite's own server has tools, prompts and resources that it calls by name; a lake offers none of
them. Such a check fails in words that say so. Any other failed check is ours.
"""

import json
import os
import subprocess
from pathlib import Path

ABSENT = (
    "there is no such tool",
    "Method not found",
    "server does not list the diagnostic tool",
    "server exposes no tool with x-mcp-header annotations",
    "Expected InputRequiredResult",
    "could not get initial InputRequiredResult",
    "Tool 'json_schema_2020_12_tool' not found",
)
"""How the suite says that what it wants to call is not offered."""
OPTIONAL = "server-tasks-"
"""The extension for long-running tasks, which the suite does not score."""
LEAST_PASSED = 70


def main(node: Path, url: str, output: Path) -> str:
    """What passed. Raises AssertionError for a failed check that concerns a lake."""
    program = node / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    words = ["server", "--url", url, "--requirements", "2026-07-28", "--output-dir", str(output)]
    path = f"{node / 'node_modules/.bin'}:{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path}
    # It ends with 1 where any check fails; which ones may is judged here.
    subprocess.run(
        ["node", str(program), *words],
        env=environ,
        check=False,
        timeout=300,
        stdout=subprocess.PIPE,
    )
    passed, failed = judged(output)
    assert not failed, "\n".join(failed)
    assert passed >= LEAST_PASSED, f"only {passed} checks passed: has the suite run?"
    return f"{passed} checks passed"


def judged(output: Path) -> tuple[int, list[str]]:
    """How many checks passed, and those that failed although a lake offers what they check."""
    passed, failed = 0, []
    for file in sorted(output.rglob("checks.json")):
        scenario = file.parent.name
        if scenario.startswith(OPTIONAL):
            continue
        for check in json.loads(file.read_text()):
            message = check.get("errorMessage") or ""
            if check["status"] == "SUCCESS":
                passed += 1
            elif check["status"] == "FAILURE" and not any(each in message for each in ABSENT):
                failed.append(f"{scenario}: {check['id']}: {message}")
    return passed, failed
