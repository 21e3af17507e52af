"""What a token costs: requests to an open lake and to one with a principal, in turns, by CPU time."""

import asyncio
import itertools
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import msgspec

from tests.bench.report import circumstances, table, write_section
from tests.bench.sql_servers import BIN, Server, serving

GOAL = 0.95
ROUNDS, SECONDS = 9, 1.5
NUMBERS = itertools.count(1)
LOADS = {
    "SELECT 42, 8 clients": ("/v1/sql", 8),
    "register, 32 clients": ("/v1/catalog/register", 32),
}


def body_of(path: str) -> bytes:
    """A request's body; each dataset has another name."""
    if path == "/v1/sql":
        return b'{"sql": "SELECT 42"}'
    name = f"d{next(NUMBERS)}"
    return msgspec.json.encode({"name": name, "schema_fingerprint": "f", "objects": []})


async def asked(server: Server, path: str, clients: int, token: str | None) -> int:
    """How many requests were answered within SECONDS."""
    until_s, count = time.perf_counter() + SECONDS, 0
    sent = f"Authorization: Bearer {token}\r\n" if token else ""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nCache-Control: no-cache\r\n{sent}"
    head += "Content-Type: application/json\r\nContent-Length: "

    async def client() -> None:
        nonlocal count
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while time.perf_counter() < until_s:
            body = body_of(path)
            writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            if int(answer[9:12]) != 200:
                raise RuntimeError(f"{path} was answered {answer[9:12]!r}")
            size = answer.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(size))
            count += 1
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return count


def cost_s(server: Server, path: str, clients: int, token: str | None) -> float:
    """CPU seconds of the server's processes for each request."""
    before_s = server.cpu_s()
    count = asyncio.run(asked(server, path, clients, token))
    return (server.cpu_s() - before_s) / count


def main() -> None:
    """Measure, and write the section."""
    about = circumstances("tokens")
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as name:
        closed = Path(name) / "closed"
        init = [str(BIN / "lakehouse"), "access", "init", "--admin", "root", "--json"]
        made = subprocess.run([*init, "--bucket", str(closed)], check=True, capture_output=True)
        token: str = msgspec.json.decode(made.stdout)["token"]
        with serving(Path(name) / "open") as without, serving(closed) as with_token:
            for what, (path, clients) in LOADS.items():
                bare_s: list[float] = []
                paid_s: list[float] = []
                for turn in range(ROUNDS):
                    # In another order each time, so that what follows a load falls on both alike.
                    for pays in (False, True) if turn % 2 else (True, False):
                        server, costs = (with_token, paid_s) if pays else (without, bare_s)
                        given = token if pays else None
                        costs.append(cost_s(server, path, clients, given))
                bare, paid = median(bare_s), median(paid_s)
                rows.append([what, f"{bare / paid:.2f}", f"{bare * 1e6:.0f}", f"{paid * 1e6:.0f}"])
    header = ["", "without ÷ with", "without, µs", "with, µs"]
    goal = (
        f"CPU time of the server for a request, medians of {ROUNDS} turns. Goal: at least {GOAL}."
    )
    write_section("Tokens", "\n".join([about, "", goal, "", table(header, rows)]))


if __name__ == "__main__":
    main()
