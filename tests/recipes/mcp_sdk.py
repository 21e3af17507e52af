"""The official SDK as a client of our MCP: `python mcp_sdk.py PYTHON BUCKET URL`, over stdio and HTTP.

Runs in an environment that has the SDK; PYTHON is the one that has the lakehouse.
"""

import asyncio
import sys

from mcp import StdioServerParameters
from mcp.client import Client

TOOLS = {
    *("list_datasets", "describe_dataset", "query", "history", "diff", "why"),
    *("nearest", "preview_ingest", "preview_undo", "preview_restore"),
}


async def exercise(server: StdioServerParameters | str, mode: str) -> None:
    """What an agent does: list the tools, ask, be refused, look at a change before it is made."""
    async with Client(server, mode=mode) as client:
        listed = await client.list_tools()
        assert {tool.name for tool in listed.tools} == TOOLS
        asked = {"sql": "SELECT id FROM sales ORDER BY id"}
        found = await client.call_tool("query", asked)
        assert not found.is_error, found
        assert found.structured_content["rows"] == [[1], [2]], found
        refused = await client.call_tool("query", {"sql": "DROP TABLE sales"})
        assert refused.is_error
        assert refused.structured_content["code"] == "statement_not_allowed", refused
        undone = await client.call_tool("preview_undo", {"seq": 1})
        assert undone.structured_content["dry_run"] is True, undone
        print(f"mcp SDK, {mode}: protocol {client.protocol_version}")


async def main(python: str, bucket: str, url: str) -> None:
    stdio = StdioServerParameters(
        command=python, args=["-m", "lakehouse", "mcp", "--bucket", bucket]
    )
    for server in (stdio, url):
        for mode in ("auto", "legacy"):
            await exercise(server, mode)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
