"""What to do after a refusal, in terms of commands and options; other codes have their hint in CODES.

The hints in CODES are for HTTP clients; none that names a route, a header or a method is shown here.
"""

from lakehouse.domain.errors import CODES

_HINTS = {
    "invalid_request": "Run the command with --help to see its arguments.",
    "invalid_name": "Use letters, digits and _, up to 128; do not begin with a digit.",
    "missing_file": "Name a file that exists and can be read.",
    "as_of_in_future": "Run `lakehouse journal head` to see the last event.",
    "sql_error": "Correct the statement; the message is DuckDB's.",
    "incomplete_body": "The input ended early; send all of it.",
    "statement_not_allowed": "Use one read-only statement.",
    "dataset_not_found": "Run `lakehouse datasets` to list the datasets.",
    "event_not_found": "Run `lakehouse journal head` to see the last event.",
    "pin_not_found": "Run `lakehouse pins` to list the pins.",
    "quarantine_not_found": "Run `lakehouse quarantine NAME` to list what is in quarantine.",
    "query_cancelled": "Run the command again if you still need the result.",
    "name_taken": "Use the existing spelling or another name.",
    "fingerprint_conflict": "Drop the dataset first, or use another name.",
    "schema_conflict": "Correct the file, or use --missing null, --schema-change widen or "
    "--schema-change replace.",
    "object_in_use": "Drop the dataset that uses the object first.",
    "objects_collected": "gc has removed the data; restore it from a backup.",
    "undo_conflict": "Undo the later changes first.",
    "cannot_undo": "Changes of this type cannot be undone.",
    "too_large": "Split the file, or use a smaller one.",
    "unsupported_media_type": "Use a CSV, NDJSON or Parquet file; --format names its format.",
    "header_too_large": "Use a reason of up to 1,024 bytes.",
    "malformed_csv": "Correct the line, or use --on-error quarantine.",
    "malformed_ndjson": "Correct the line, or use --on-error quarantine.",
    "malformed_parquet": "Write the file again; check its column types.",
    "too_few_rows": "Use the whole file, or a lower --min-rows.",
    "delimiter_suspected": "Name the delimiter: --delimiter TAB, for instance; --delimiter , means a comma.",
    "value_does_not_fit": "Correct the value, choose another type with --types, "
    "or use --on-error quarantine.",
    "idempotency_key_reused": "Use a new --idempotency-key for a new change.",
    "internal_error": "This is a bug: report it with the output of the command.",
    "cache_differs": "The slots are intact; run `lakehouse journal replay --repair`.",
    "object_lost": "Restore the object from a backup; "
    "`lakehouse journal verify --objects` lists what is missing.",
    "object_damaged": "Restore the object from a backup; "
    "`lakehouse journal verify --objects` lists what is damaged.",
    "busy": "Run the command again in a moment.",
    "not_committed": "Nothing was changed; run the command again.",
    "outcome_unknown": "The change may have been made; "
    "run the command again with the same --idempotency-key.",
    "not_caught_up": "Run the command again in a moment.",
    "server_unreachable": "Check --url, the network and the certificate; SSL_CERT_FILE names another CA.",
    "unauthenticated": "Give a valid token: --token-file, or the variable LAKEHOUSE_TOKEN.",
    "bucket_unavailable": "The store does not respond; check the network and the endpoint, then retry.",
    "bucket_refused": "Check the credentials, their permissions and the name of the bucket.",
    "bucket_not_found": "Create the bucket, or correct the name in --bucket.",
    "bucket_broken": "The store broke a promise; run `lakehouse doctor`.",
    "store_unfit": "Use a store that keeps this promise; run `lakehouse doctor` for all results.",
    "upgrade_required": "A newer version of lakehouse wrote here; upgrade this one.",
    "clock_skew": "Set this machine's clock; it differs from the store's.",
    "journal_corrupt": "Stop all writers and copy the bucket before you repair it; "
    "ops/RUNBOOK.md has the steps.",
    "shutting_down": "Run the command again in a moment.",
    "query_killed": "The query's process died; run the command again.",
    "query_out_of_memory": "Select fewer rows or columns, or raise query_memory_mb.",
    "query_timeout": "Select fewer rows, or raise query_timeout_s.",
    "insufficient_storage": "Free space on the disk, then run the command again.",
    "usage": "Run `lakehouse --help`, or the command with --help.",
    "engine_error": "Correct the statement; the message is the engine's.",
    "engine_unavailable": "Start the engine, or correct --engine.",
    "cannot_listen": "Choose another --port, or stop the process that uses this one.",
}

_OF_COMMANDS = {
    ("update", "value_does_not_fit"): "Use an expression whose values fit the column's type; "
    "TRY_CAST makes null of those that do not.",
}
"""Where a command has other options than most."""


def hint(code: str, command: str = "") -> str:
    """The hint of an error code, after this command."""
    return _OF_COMMANDS.get((command, code)) or _HINTS.get(code) or CODES[code].hint
