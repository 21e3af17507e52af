"""Messages of the Model Context Protocol at POST /mcp. Pure."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

MessageId = Annotated[int | str | None, Meta(description="Id of the request.", examples=[1])]


class McpRequest(msgspec.Struct, frozen=True):
    """A JSON-RPC 2.0 request, or a notification if it has no `id`."""

    jsonrpc: Annotated[str, Meta(description="`2.0`.", examples=["2.0"])]
    method: Annotated[str, Meta(description="The method.", examples=["tools/list"])]
    id: MessageId | UnsetType = UNSET
    params: Annotated[
        dict[str, Any] | UnsetType,
        Meta(
            description="Parameters, with the protocol version in `_meta`.",
            examples=[
                {
                    "_meta": {
                        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                        "io.modelcontextprotocol/clientCapabilities": {},
                    }
                }
            ],
        ),
    ] = UNSET


class McpError(msgspec.Struct, frozen=True):
    """Why a message was refused."""

    code: Annotated[int, Meta(description="Code of JSON-RPC or MCP.", examples=[-32601])]
    message: Annotated[str, Meta(description="What happened.", examples=["Method not found"])]
    data: Annotated[dict[str, Any] | UnsetType, Meta(description="Details.", examples=[{}])] = UNSET


class McpAnswer(msgspec.Struct, frozen=True):
    """A JSON-RPC 2.0 answer: a result or an error."""

    jsonrpc: Annotated[str, Meta(description="`2.0`.", examples=["2.0"])]
    id: MessageId
    result: Annotated[
        dict[str, Any] | UnsetType, Meta(description="The result.", examples=[{}])
    ] = UNSET
    error: McpError | UnsetType = UNSET


class McpHeaders(msgspec.Struct, frozen=True):
    """Headers of POST /mcp. The first three must say what the body says."""

    version: Annotated[
        str | None, Meta(description="Version of the protocol.", examples=["2026-07-28"])
    ] = msgspec.field(name="MCP-Protocol-Version", default=None)
    method: Annotated[str | None, Meta(description="The method.", examples=["tools/list"])] = (
        msgspec.field(name="Mcp-Method", default=None)
    )
    name: Annotated[
        str | None, Meta(description="The tool that is called.", examples=["query"])
    ] = msgspec.field(name="Mcp-Name", default=None)
    query_id: Annotated[
        str | None, Meta(description="A name for the query of this request.", examples=["report-7"])
    ] = msgspec.field(name="Query-Id", default=None)
