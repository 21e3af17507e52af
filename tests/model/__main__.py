"""`python -m tests.model --operations N [--seed S]`: random operations beside the model, on a new bucket."""

import argparse
import random
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.process import Lakehouse
from tests.model.run import Broken, ModelRun

PROCESSES = 2
QUERY_WORKERS = "1"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--operations", type=int, default=500, help="how many (default: 500)")
    parser.add_argument("--seed", type=int, help="run this one again")
    parser.add_argument("--kills", type=float, default=0.05, help="kill -9 in so many of 1")
    parser.add_argument("--all", action="store_true", help="print every operation")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(2**32)
    say = print if asked.all else lambda line: None
    with (
        tempfile.TemporaryDirectory() as directory,
        processes(str(Path(directory, "bucket")), Path(directory), {}) as found,
    ):
        run = ModelRun(found, seed, asked.kills, say)
        try:
            run.run(asked.operations)
        except Broken as error:
            print(
                f"BROKEN: {error}\nagain: ops/model --seed {seed} --operations {asked.operations}"
            )
            return 1
    print(f"seed {seed}: {asked.operations} operations held: {dict(run.done.most_common())}")
    return 0


@contextmanager
def processes(bucket: str, directory: Path, environ: dict[str, str]) -> Iterator[list[Lakehouse]]:
    """Servers of one bucket, ready; ended when the context ends."""
    found = [_process(bucket, directory, environ, number) for number in range(PROCESSES)]
    try:
        for each in found:
            each.start()
        yield found
    finally:
        for each in found:
            each.close()


def _process(bucket: str, directory: Path, environ: dict[str, str], number: int) -> Lakehouse:
    own = directory / f"process-{number}"
    own.mkdir()
    settings = {
        "LAKEHOUSE_QUERY_WORKERS": QUERY_WORKERS,
        "LAKEHOUSE_SPOOL_DIR": str(own / "spool"),
        "LAKEHOUSE_COMPACT_OBJECTS": "0",
        # An erasure waits for the longest query and twice for the other process.
        "LAKEHOUSE_QUERY_TIMEOUT_S": "4",
        "LAKEHOUSE_POLL_INTERVAL_S": "0.2",
    }
    return Lakehouse(bucket, _free_port(), own / "log", environ | settings)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
