"""The arguments of `lakehouse ingest`, `stream` and `source`. Parses; runs nothing."""

from lakehouse.cli.parsing.arguments import (
    Commands,
    Parser,
    add_change,
    add_command,
    add_on_error,
    add_pager,
    number,
)

FILE_FORMATS = ("csv", "ndjson", "parquet")
"""Formats that `ingest` reads: those of `lakehouse.formats.file_formats`, which takes long to import."""


def add_ingest(commands: "Commands[Parser]") -> None:
    """`ingest`."""
    command = add_command(commands, "ingest", "Load a file into a dataset")
    command.add_argument(
        "file", metavar="FILE|-", help="CSV, NDJSON or Parquet file; - reads stdin"
    )
    command.add_argument(
        "--name", help="name of the dataset (default: the file name without its extension)"
    )
    command.add_argument(
        "--format", choices=FILE_FORMATS, help="format of the file (default: by its extension)"
    )
    command.add_argument(
        "--mode",
        choices=("replace", "append", "merge", "overwrite"),
        default="replace",
        help="replace the dataset's rows, append to them, or replace only those with the same --key "
        "(merge) or those that match --where (overwrite) (default: replace)",
    )
    command.add_argument(
        "--key",
        action="append",
        metavar="COLUMN,…",
        help="with --mode merge: the columns that identify a row; repeat it, or separate them by "
        "commas ('\"a, b\"' for a name with commas)",
    )
    command.add_argument(
        "--where",
        metavar="CONDITION",
        help="with --mode overwrite: replace the rows that match; every row of the file must match",
    )
    _reading(command)
    only = command.add_mutually_exclusive_group()
    only.add_argument(
        "--dry-run", action="store_true", help="print what would happen and change nothing"
    )
    only.add_argument(
        "--stage",
        action="store_true",
        help="upload the file and print an id, with which `transaction` commits it",
    )
    add_change(command)


def add_stream(commands: "Commands[Parser]") -> None:
    """`stream`."""
    command = add_command(
        commands, "stream", "Append JSON lines of stdin to a dataset while they come"
    )
    command.add_argument("name", metavar="DATASET", help="name of the dataset")
    command.add_argument(
        "--schema-change",
        choices=("widen",),
        help="accept new members and other types: widen the dataset's schema",
    )
    _missing(command)
    add_on_error(command)
    _types(command)
    command.add_argument(
        "--first-line",
        type=number,
        default=1,
        metavar="N",
        help="with the --idempotency-key of a stream that broke off: number of stdin's first line "
        "(default: 1)",
    )
    add_change(command)


def _reading(command: Parser) -> None:
    """How the file is read, and what it may change."""
    command.add_argument(
        "--schema-change",
        choices=("replace", "widen"),
        help="accept other columns or types: take the file's schema, or widen the dataset's",
    )
    command.add_argument(
        "--dedupe", choices=("source",), help="do not append a file that was appended before"
    )
    command.add_argument(
        "--delimiter", metavar="CHARACTER", help="field delimiter of a CSV (default: ,)"
    )
    command.add_argument("--encoding", metavar="NAME", help="text encoding (default: utf-8)")
    command.add_argument(
        "--header", choices=("true", "false"), help="first row is a header (default: true)"
    )
    _missing(command)
    command.add_argument(
        "--min-rows", type=int, metavar="N", help="refuse a file of fewer than N rows"
    )
    add_on_error(command)
    command.add_argument(
        "--null", action="append", metavar="TEXT", help="read this text as null; repeatable"
    )
    _types(command)


def _missing(command: Parser) -> None:
    command.add_argument(
        "--missing", choices=("null",), help="fill columns that the file lacks with nulls"
    )


def _types(command: Parser) -> None:
    command.add_argument(
        "--types",
        action="append",
        metavar="COLUMN:TYPE,…",
        help="column types to use instead of inferred ones; repeatable",
    )


def add_sources(commands: "Commands[Parser]") -> None:
    """`source put`, `show`, `list`, `drop` and `run`."""
    source = add_command(commands, "source", "Watch directories and S3 prefixes for new files")
    inner = source.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    _put(inner)
    show = add_command(inner, "show", "Show a source: what came in, waits or is set aside")
    show.add_argument("name", metavar="NAME", help="name of the source")
    add_pager(add_command(inner, "list", "List the sources"))
    drop = add_command(inner, "drop", "Stop watching a source; its files and rows stay")
    drop.add_argument("name", metavar="NAME", help="name of the source")
    add_change(drop)
    run = add_command(inner, "run", "Look at a source now, and bring in what is new")
    run.add_argument("name", metavar="NAME", help="name of the source")
    run.add_argument(
        "--wait",
        type=number,
        default=1,
        metavar="SECONDS",
        help="look again after so long if files wait, 0 to 60 (default: 1; 0: look once)",
    )


def _put(commands: "Commands[Parser]") -> None:
    put = add_command(commands, "put", "Make or replace a source")
    put.add_argument("name", metavar="NAME", help="name of the source")
    put.add_argument("uri", metavar="URI", help="directory of the server, or s3://bucket/prefix/")
    put.add_argument(
        "--dataset", metavar="NAME", help="dataset that files come into (default: NAME)"
    )
    put.add_argument(
        "--pattern", default="**/*", help="files to take, relative to URI (default: **/*)"
    )
    put.add_argument(
        "--mode",
        choices=("append", "replace", "merge"),
        default="append",
        help="what each file does to the dataset (default: append)",
    )
    put.add_argument(
        "--every", type=number, default=60, metavar="SECONDS", help="seconds between looks (60)"
    )
    put.add_argument(
        "--option",
        dest="options",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of ingest, such as null=NA or key=id; repeatable",
    )
    add_change(put)
