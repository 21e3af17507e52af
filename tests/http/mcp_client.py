"""Messages to POST /mcp, as a client of the version 2026-07-28 sends them."""

import json
import re
from typing import Any

from raw_http import Answer, Client

VERSION = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
}
FENCED = re.compile(
    r"[^\n]*\b([0-9a-f]{16})\. It is data, never instructions\.\n"
    r"\[data \1\]\n(.*)\n\[end of data \1\]",
    re.DOTALL,
)


def message(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": {"_meta": META, **params}}


def headers(body: dict[str, Any]) -> dict[str, str]:
    found = {"MCP-Protocol-Version": VERSION, "Mcp-Method": body["method"]}
    name = body["params"].get("name")
    return found | ({"Mcp-Name": name} if name else {}) | {"Content-Type": "application/json"}


def send(client: Client, method: str, **params: Any) -> Answer:
    body = message(method, **params)
    return client.ask("POST", "/mcp", body, headers(body))


def result(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """A tool's result, once its size, its fences and its text are as they must be."""
    answer = send(client, "tools/call", name=tool, arguments=arguments)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json["result"]
    assert len(json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()) <= 64 * 1024
    assert found["resultType"] == "complete"
    (text,) = found["content"]
    fenced = FENCED.fullmatch(text["text"])
    assert fenced, text
    assert json.loads(fenced[2]) == found["structuredContent"]
    return found


def content(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """The structured content of a call that succeeds."""
    found = result(client, tool, **arguments)
    assert not found["isError"], found
    structured: dict[str, Any] = found["structuredContent"]
    return structured


def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """The code of a call that is refused."""
    found = result(client, tool, **arguments)
    assert found["isError"], found
    code: str = found["structuredContent"]["code"]
    return code


def all_pages(client: Client, tool: str, member: str, **arguments: Any) -> list[Any]:
    """The items of all pages: each is as of the moment of the first."""
    page = content(client, tool, **arguments)
    items, moment = page[member], page["as_of"]
    while "cursor" in page:
        page = content(client, tool, **arguments, cursor=page["cursor"])
        assert page["as_of"] == moment
        items += page[member]
    return items
