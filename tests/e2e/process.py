"""A real `lakehouse serve` process and a plain HTTP client for it; standard library alone.

Seen from outside: what is started here shares no code, no loop and no memory with the test.
"""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

CHECKOUT = Path(__file__).parents[2]
START_S = 90.0
ANSWER_S = 120.0
POLL_S = 0.02

Body = bytes | IO[bytes] | None
Lost = (OSError, http.client.HTTPException)
"""What a client sees when the server goes away in the middle of its request."""


class Answer(NamedTuple):
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def seq(self) -> int:
        """The seq of a change's receipt, or of the state that a read was answered from."""
        return int(self.headers["X-Journal-Seq"])


class Client:
    """Requests to one server. Each has its own connection, so threads may share a client."""

    def __init__(self, port: int) -> None:
        self.port = port

    def request(self, method: str, target: str, body: Body = None, **headers: str) -> Answer:
        """One request; `Idempotency_Key="k"` is the header `Idempotency-Key: k`. Raises Lost."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        with contextlib.closing(connection):
            connection.request(method, target, body, named)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())

    def get(self, target: str, **headers: str) -> Any:
        """The JSON of a GET that must succeed."""
        return self._done(self.request("GET", target, **headers)).json

    def put(self, key: str, body: Body, **headers: str) -> Answer:
        return self.request("PUT", f"/v1/storage/put/{key}", body, **headers)

    def drop(self, name: str, **headers: str) -> Answer:
        return self.request("DELETE", f"/v1/catalog/manifest/{name}", **headers)

    def register(self, name: str, fingerprint: str, keys: list[str], **headers: str) -> Answer:
        objects = [{"key": key} for key in keys]
        wanted = {"name": name, "schema_fingerprint": fingerprint, "objects": objects}
        return self.request("POST", "/v1/catalog/register", json.dumps(wanted).encode(), **headers)

    def ingest(self, query: str, body: Body, **headers: str) -> Answer:
        """POST /v1/ingest with the file as the raw body; `query` is `name=…` and what follows."""
        typed = {"Content_Type": "text/csv"} | headers
        return self.request("POST", f"/v1/ingest?{query}", body, **typed)

    def ingest_file(self, name: str, path: Path) -> Any:
        """The receipt of a whole file's ingest, which must succeed."""
        with path.open("rb") as file:
            size = str(path.stat().st_size)
            return self._done(self.ingest(f"name={name}", file, Content_Length=size)).json

    def sql(self, text: str, **members: Any) -> Any:
        """The answer of a query that must succeed."""
        return self._done(self._ask(text, members)).json

    def sql_in_time(self, text: str, **members: Any) -> Any:
        """The answer of a query on a server whose time limit a busy machine may exceed.

        The query is sent again for at most a minute; what it has read is in the cache by then.
        """
        deadline = time.monotonic() + 60
        answer = self._ask(text, members)
        while answer.status == 504 and time.monotonic() < deadline:
            answer = self._ask(text, members)
        return self._done(answer).json

    def _ask(self, text: str, members: dict[str, Any]) -> Answer:
        question = json.dumps({"sql": text} | members).encode()
        return self.request("POST", "/v1/sql", question)

    def events(self) -> list[dict[str, Any]]:
        """The whole journal, page after page."""
        found: list[dict[str, Any]] = []
        after: str | None = "0"
        while after is not None:
            page = self.get(f"/v1/journal/events?after={after}&limit=10000")
            found += page["events"]
            after = page["next"]
        return found

    @staticmethod
    def _done(answer: Answer) -> Answer:
        assert answer.status == 200, (answer.status, answer.body[:2_000])
        return answer


class Lakehouse:
    """`lakehouse serve` on a bucket, to start, kill and start again on the same port."""

    def __init__(
        self, bucket: str, port: int, log: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.client = Client(port)
        self.bucket = bucket
        self._log = log
        self._environ = clean_environment() | dict(environ or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pids(self) -> list[int]:
        """The process and those that it started, and they started."""
        return family(self._running.pid)

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        self.begin()
        self.wait_ready()

    def begin(self) -> None:
        """Start the process, and no waiting."""
        words = ["serve", "--bucket", self.bucket, "--port", str(self.client.port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lakehouse", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._log.parent,
                env=self._environ,
            )

    def wait_ready(self) -> None:
        """Return once `/ready` says so; it must not end before."""
        wait_until(self._is_ready, START_S, "the server to be ready", self.log)

    def kill(self) -> None:
        """kill -9: the process can finish nothing. Its children end with it."""
        pids = self.pids
        self._running.kill()
        self._running.wait()
        wait_until(lambda: not any(map(_is_alive, pids)), START_S, "its children to end", self.log)

    def ask_to_stop(self) -> None:
        """SIGTERM, and no waiting."""
        self._running.send_signal(signal.SIGTERM)

    def ended(self, within_s: float = START_S) -> int:
        """The exit code, once the process has ended by itself."""
        return self._running.wait(within_s)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.ask_to_stop()
        return self.ended()

    def cli(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """`lakehouse …` on the same bucket, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "lakehouse", *words, "--bucket", self.bucket],
            capture_output=True,
            cwd=self._log.parent,
            env=self._environ,
            timeout=ANSWER_S,
            check=False,
        )

    def journal(self, command: str) -> dict[str, Any]:
        """What `lakehouse journal verify` or `replay` says; it must end with 0."""
        done = self.cli("journal", command, "--json")
        assert done.returncode == 0, done
        return dict(json.loads(done.stdout))

    def log(self) -> str:
        """What the process has said so far."""
        return self._log.read_text() if self._log.exists() else ""

    def close(self) -> None:
        """End it for good, whatever state it is in."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was not started"
        return self._process

    def _is_ready(self) -> bool:
        assert self._running.poll() is None, f"it ended while starting:\n{self.log()}"
        with contextlib.suppress(*Lost):
            return self.client.request("GET", "/ready").status == 200
        return False


def clean_environment() -> dict[str, str]:
    """Ours without what would configure a lakehouse, with the code of this very checkout."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "LAKEHOUSE_"))
    }
    return kept | {"PYTHONPATH": str(CHECKOUT)}


def wait_until(
    condition: Callable[[], bool], within_s: float, what: str, log: Callable[[], str] = str
) -> None:
    """Look until it is so: another process has no clock of ours to pass."""
    until_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until_s, f"waited {within_s} s for {what}\n{log()}"
        time.sleep(POLL_S)


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)
    ]
    return [pid, *(each for child in children for each in _family_if_alive(child))]


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):  # the thread has ended since it was listed
        return []


def _family_if_alive(pid: int) -> Iterator[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        yield from family(pid)


def _is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
