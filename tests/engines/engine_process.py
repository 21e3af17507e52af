"""The process of an engine, which reads tables with the Python of its environment (`reader.py`)."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Reader:
    """An engine's process. What it knows of a store the catalog says."""

    def __init__(
        self, python: Path, engine: str, uri: str, environ: Mapping[str, str] | None = None
    ) -> None:
        self._process = subprocess.Popen(
            [str(python), str(HERE / "reader.py"), engine, uri],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment() | dict(environ or {}),
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"error": "the engine's process ended"}

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def _environment() -> dict[str, str]:
    """An environment without keys and endpoints. Arrow's checksums are too new for Ceph 16."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}
