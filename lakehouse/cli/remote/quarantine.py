"""The quarantine of a dataset on a server, as the command takes it from a service."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from lakehouse.api.upkeep.quarantine import QuarantineList
from lakehouse.cli.remote.calls import CALLS
from lakehouse.cli.remote.requests import answered, pieces_of, request_of, translated
from lakehouse.client.http import Http
from lakehouse.client.request import ask, get, named
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.option_parsing import parse_options
from lakehouse.formats.options import Options
from lakehouse.service.caller import Caller
from lakehouse.service.ingest.held import Held

_ROWS = (
    'SELECT line, "column", reason, raw FROM lake.quarantine '
    "WHERE dataset = $dataset AND key = $key ORDER BY line"
)


class RemoteRow(msgspec.Struct, frozen=True, gc=False):
    """A row in quarantine, as a line of NDJSON has it: `raw` in base64."""

    line: int
    column: str | None
    reason: str
    raw: bytes


class RemoteQuarantine:
    """The quarantine files of datasets, and their rows."""

    def __init__(self, connection: Http) -> None:
        self._http = connection
        self._names: dict[str, str] = {}
        """The dataset of each file that was listed, by the file's key."""

    async def held(self, caller: Caller, name: str) -> tuple[str, list[Held]]:
        """The name of a dataset and its quarantine files, oldest first. Raises RefusedError."""
        request = request_of(CALLS["quarantine.files"], caller, (name,))
        found = (await asyncio.to_thread(answered, self._http, request, QuarantineList)).body
        self._names |= {each.key: found.name for each in found.files}
        files = [
            Held(each.key, each.key, each.row_count, each.seq, _options(each.options))
            for each in found.files
        ]
        return found.name, files

    @asynccontextmanager
    async def rows(self, caller: Caller, held: Held) -> AsyncIterator[Iterator[RemoteRow]]:
        """The rows of one file, in the order of its source. Raises RefusedError."""
        params = {"dataset": self._names[held.key], "key": held.key}
        request = ask("/v1/sql", {"sql": _ROWS, "params": params, "format": "ndjson"})
        with tempfile.TemporaryDirectory(prefix="lakehouse-quarantine-") as directory:
            path = Path(directory) / "rows"
            with translated():
                response = await asyncio.to_thread(self._http.open, request)
            with path.open("wb") as file:
                async for piece in pieces_of(response):
                    file.write(piece)
            with path.open("rb") as lines:
                yield (msgspec.json.decode(line, type=RemoteRow) for line in lines)

    async def as_file(
        self, caller: Caller, name: str, chosen: Sequence[Held], options: Options
    ) -> AsyncIterator[bytes]:
        """The rows as a file like their source. Raises RefusedError."""
        key = chosen[0].key if len(chosen) == 1 else None
        request = get(named("/v1/catalog/quarantine", name), raw=True, key=key)
        with translated():
            response = await asyncio.to_thread(self._http.open, request)
        async for piece in pieces_of(response):
            yield piece


def _options(pairs: list[tuple[str, str]]) -> Options:
    found = parse_options(pairs)
    if isinstance(found, Refused):
        raise RefusedError(found)
    return found
