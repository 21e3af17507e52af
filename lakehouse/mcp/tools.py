"""The tools as one table: names, descriptions, arguments. Pure.

Every word of a description is ours: text of the lake must never stand here.
"""

from typing import Any

import msgspec

from lakehouse.mcp import arguments
from lakehouse.mcp.arguments import Arguments, schema_of


class Tool(msgspec.Struct, frozen=True):
    """One row of the table."""

    name: str
    title: str
    description: str
    takes: type[Arguments]


_PAGES = " When the result has a `cursor`, pass it to get the next page, as of the same moment."

TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "list_datasets",
            "List datasets",
            "List the datasets in the order of their names, with row counts." + _PAGES,
            arguments.ListDatasets,
        ),
        Tool(
            "describe_dataset",
            "Describe a dataset",
            "Show a dataset's columns, types, row count and objects." + _PAGES,
            arguments.DescribeDataset,
        ),
        Tool(
            "query",
            "Run SQL",
            "Run one read-only SQL statement (DuckDB's dialect) over the datasets. Give it an ORDER BY "
            "that decides the order of all rows if you want more than one page." + _PAGES,
            arguments.Query,
        ),
        Tool(
            "nearest",
            "Find the nearest rows",
            "Return the rows whose vector is nearest to the given one, nearest first, with `distance`. Name "
            "the columns that you need: vectors are long." + _PAGES,
            arguments.Nearest,
        ),
        Tool(
            "history",
            "Show a dataset's history",
            "List the events of a dataset's name, oldest first: what changed, when, by whom, why."
            + _PAGES,
            arguments.History,
        ),
        Tool(
            "diff",
            "Compare two moments",
            "List the datasets that differ between two moments; `to` is now by default." + _PAGES,
            arguments.Diff,
        ),
        Tool(
            "why",
            "Show where rows come from",
            "List the uploads behind a dataset's rows, or behind those that fulfil `where`."
            + _PAGES,
            arguments.Why,
        ),
        Tool(
            "preview_ingest",
            "Preview an ingest",
            "Report what ingesting a small text file would do. Changes nothing.",
            arguments.PreviewIngest,
        ),
        Tool(
            "preview_undo",
            "Preview an undo",
            "Report what undoing one event would change. Changes nothing.",
            arguments.PreviewUndo,
        ),
        Tool(
            "preview_restore",
            "Preview a restore",
            "Report what restoring a dataset as of a moment would change. Changes nothing.",
            arguments.PreviewRestore,
        ),
    )
}


def listed() -> list[dict[str, Any]]:
    """The tools as `tools/list` names them."""
    return [_listed(tool) for tool in TOOLS.values()]


def _listed(tool: Tool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": schema_of(tool.takes),
        "annotations": {
            "title": tool.title,
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
        },
    }
