"""One connection of a stream of rows: lines go out while acknowledgements come in.

urllib3 reads no answer before all of a body is sent, so this is aiohttp's. Must never repeat anything: what
a lost connection means is for its caller.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import msgspec

from lakehouse.api.ingest.stream import StreamAck, StreamTotal
from lakehouse.client.error import Error
from lakehouse.client.http import CONNECT_S, Http, broken_off, refusal_of, unreachable
from lakehouse.client.request import Request

SILENT_S = 35.0
"""An answer that brings nothing for so long is lost: there is a keepalive every 10 s."""
_LOST = (aiohttp.ClientError, OSError, TimeoutError)
LINES = "application/x-ndjson"


class _Problem(msgspec.Struct, frozen=True):
    code: str
    detail: str
    status: int
    retryable: bool
    hint: str
    request_id: str
    errors: list[dict[str, Any]] = []


async def exchanged(
    lake: Http, request: Request, lines: AsyncIterator[bytes]
) -> AsyncIterator[StreamAck | StreamTotal]:
    """Send `lines`; yield each acknowledgement as it comes, and last the total. Raises Error."""
    url, path, headers = lake.address(request)
    connector = aiohttp.UnixConnector(path) if path else aiohttp.TCPConnector(force_close=True)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENT_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        try:
            # aiohttp keeps the head until the body brings something, unless it is asked for.
            sent = session.post(url, data=lines, headers=headers, expect100=True)
            async with sent as response:
                if response.status != 200:
                    body = await response.read()
                    raise refusal_of(body, response.status, response.headers, request.path)
                async for line in response.content:
                    if (found := _read(line)) is not None:
                        yield found
                    if isinstance(found, StreamTotal):
                        return
        except aiohttp.ClientConnectorError as error:
            raise unreachable(request.path, error) from error
        except _LOST as error:
            raise broken_off(error) from error
    raise broken_off("it has no last line")


def _read(line: bytes) -> StreamAck | StreamTotal | None:
    """One line of the answer; None for a keepalive. Raises Error."""
    try:
        members: Mapping[str, Any] = msgspec.json.decode(line)
        if "code" in members:
            raise _error(msgspec.convert(members, _Problem))
        if "keepalive" in members:
            return None
        if "done" in members:
            return msgspec.convert(members, StreamTotal)
        return msgspec.convert(members, StreamAck)
    except msgspec.DecodeError as error:
        # A line that is cut is the last one of a connection that broke off.
        raise broken_off(error) from error


def _error(found: _Problem) -> Error:
    return Error(
        found.code,
        found.detail,
        status=found.status,
        retryable=found.retryable,
        hint=found.hint,
        errors=found.errors,
        request_id=found.request_id,
    )
