"""Every code that a user can meet, as one table: HTTP status, exit code, whether to retry, a hint.

A refusal is an expected answer and is returned (`Refused`); at an edge that has to unwind it is
carried by `RefusedError`. A fault is broken machinery and is raised as it is.
"""

import msgspec

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]
Body = dict[str, Json]


class Code(msgspec.Struct, frozen=True):
    """One row of the error table. `exit` is the command line's exit code, `retryable` HTTP's member."""

    status: int
    title: str
    hint: str
    retryable: bool = False
    exit: int = 1


class Refused(msgspec.Struct, frozen=True):
    """An expected no: a code of CODES, what happened to which thing, and rows that help."""

    code: str
    detail: str
    errors: tuple[dict[str, Json], ...] = ()
    retry_after_s: int | None = None


class RefusedError(Exception):
    """Carries a Refused through code that cannot return it (streams, middleware, worker threads)."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.code}: {refused.detail}")
        self.refused = refused


CODES: dict[str, Code] = {
    # 400: the request is not one that we can read.
    "invalid_request": Code(400, "Invalid request", "Send what the OpenAPI document describes."),
    "invalid_key": Code(
        400, "Invalid key", "1 to 1,024 bytes of UTF-8, no empty or dot component."
    ),
    "invalid_name": Code(400, "Invalid name", "Names are [A-Za-z_][A-Za-z0-9_]{0,127}."),
    "empty_name": Code(400, "Empty name", "Give the dataset a name."),
    "empty_fingerprint": Code(400, "Empty fingerprint", "Give the schema's fingerprint."),
    "missing_file": Code(
        400, "Missing file", "Name a file that can be read; over HTTP, send field `file` or a body."
    ),
    "as_of_in_future": Code(400, "Future moment", "Ask for an event that has happened."),
    "sql_error": Code(400, "SQL error", "Mend the statement; the message is DuckDB's."),
    "incomplete_body": Code(400, "Incomplete body", "The body ended early; send all of it."),
    # 403: we understand and will not.
    "foreign_host": Code(403, "Foreign host", "Ask localhost, 127.0.0.1 or [::1]."),
    "foreign_origin": Code(403, "Foreign origin", "Another site's page may not drive this server."),
    "statement_not_allowed": Code(403, "Statement not allowed", "Send one read-only statement."),
    # 404, 405, 406, 409, 410, 412, 413, 415, 416: the thing asked for, or the way of asking.
    "not_found": Code(404, "Not found", "See /openapi.json for the routes."),
    "object_not_found": Code(404, "Object not found", "List the keys to see what is there."),
    "dataset_not_found": Code(404, "Dataset not found", "List the catalog to see what is there."),
    "event_not_found": Code(404, "Event not found", "The journal's head tells how many there are."),
    "pin_not_found": Code(404, "Pin not found", "List the pins to see what is kept."),
    "quarantine_not_found": Code(
        404, "Quarantine not found", "It was sent again already, or is another dataset's."
    ),
    "lake_not_found": Code(
        404, "Lake not found", "Correct --bucket; `lakehouse ingest` and `serve` create a lake."
    ),
    "method_not_allowed": Code(405, "Method not allowed", "The header Allow names the methods."),
    "staged_not_found": Code(
        404, "Staged file not found", "Stage the file again; an id is valid once, for 23 hours."
    ),
    "not_acceptable": Code(406, "Not acceptable", "Accept a format that this route can answer in."),
    "query_not_found": Code(404, "Query not found", "List /v1/queries to see what runs."),
    "query_cancelled": Code(409, "Query cancelled", "It was called off; ask again if you want."),
    "name_taken": Code(409, "Name taken", "Use the spelling that is there, or another name."),
    "expectation_failed": Code(
        409, "Expectation failed", "Read what is there now, then decide again."
    ),
    "fingerprint_conflict": Code(409, "Fingerprint conflict", "Drop the dataset first, or rename."),
    "schema_conflict": Code(
        409, "Schema conflict", "Mend the file, or use schema_change=widen or replace."
    ),
    "object_in_use": Code(409, "Object in use", "Drop the dataset that holds it first."),
    "objects_collected": Code(410, "Objects collected", "The bytes are gone; restore a backup."),
    "undo_conflict": Code(409, "Undo conflict", "Undo what came later first."),
    "cannot_undo": Code(409, "Cannot undo", "Some facts have no inverse."),
    "key_exists": Code(412, "Key exists", "Leave out If-None-Match to store a new version."),
    "too_large": Code(413, "Too large", "Send less at once."),
    "command_too_large": Code(413, "Command too large", "Split the change into several."),
    "unsupported_media_type": Code(
        415, "Unsupported media type", "Send CSV, NDJSON or Parquet, raw or multipart."
    ),
    "range_not_satisfiable": Code(416, "Range not satisfiable", "Ask for bytes that are there."),
    "header_too_large": Code(431, "Header too large", "Reasons and actors have up to 1 KiB."),
    "body_too_slow": Code(
        408, "Body too slow", "Send at least 1 KiB per second; send the request again.", True, 3
    ),
    # 422: well-formed, and not what can be done.
    "object_missing": Code(422, "Object missing", "Store the objects before registering them."),
    "empty_csv": Code(422, "Empty CSV", "A CSV needs at least a header record."),
    "malformed_csv": Code(422, "Malformed CSV", "Mend the line that is named."),
    "malformed_ndjson": Code(422, "Malformed NDJSON", "Mend the line that is named."),
    "malformed_parquet": Code(422, "Malformed Parquet", "Write the file again; check its types."),
    "malformed_encoding": Code(422, "Malformed encoding", "The compressed bytes are damaged."),
    "value_does_not_fit": Code(422, "Value does not fit", "Mend the value, or the type asked for."),
    "idempotency_key_reused": Code(
        422, "Idempotency key reused", "Use a new key for a new request."
    ),
    "transfer_coding_not_supported": Code(
        501, "Transfer coding not supported", "Use Transfer-Encoding: chunked, or Content-Length."
    ),
    # 5xx: ours. Retryable ones pass.
    "internal_error": Code(500, "Internal error", "Report it with the request id."),
    "cache_differs": Code(
        500, "Cache differs", "The slots are right; make the cache anew.", exit=4
    ),
    "object_lost": Code(
        500, "Object lost", "A referenced object is absent: verify the bucket.", exit=4
    ),
    "object_damaged": Code(
        500,
        "Object damaged",
        "Restore it from a copy: `lakehouse journal verify --objects`.",
        exit=4,
    ),
    "busy": Code(503, "Busy", "Try again after Retry-After.", True, 3),
    "not_committed": Code(503, "Not committed", "Certainly not done; send it again.", True, 3),
    "outcome_unknown": Code(
        503, "Outcome unknown", "Perhaps done; send it again with the same key.", True, 3
    ),
    "not_caught_up": Code(503, "Not caught up", "This node lags; ask again.", True, 3),
    "bucket_unavailable": Code(503, "Bucket unavailable", "The store does not answer.", True, 3),
    "bucket_refused": Code(503, "Bucket refused", "Check credentials and the bucket.", False, 3),
    "bucket_not_found": Code(
        503, "Bucket not found", "Create the bucket, or correct its name in the settings."
    ),
    "bucket_broken": Code(503, "Bucket broken", "The store broke a promise: run doctor.", False, 4),
    "store_unfit": Code(
        503, "Store unfit", "Choose a store that keeps what is named: run doctor.", False, 4
    ),
    "upgrade_required": Code(
        503, "Upgrade required", "A newer version wrote here: upgrade.", False, 3
    ),
    "clock_skew": Code(
        503, "Clock skew", "Set this machine's clock; the store's differs.", True, 3
    ),
    "journal_corrupt": Code(503, "Journal corrupt", "Run `lakehouse journal verify`.", False, 4),
    "shutting_down": Code(503, "Shutting down", "Ask again in a moment.", True, 3),
    "query_killed": Code(503, "Query killed", "Its process died; ask again.", True, 3),
    "query_out_of_memory": Code(507, "Query out of memory", "Ask for less at once."),
    "query_timeout": Code(504, "Query timeout", "Ask for less, or give more time.", True, 3),
    "insufficient_storage": Code(507, "Insufficient storage", "Make room on the disk.", True, 3),
    # The command line's own.
    "usage": Code(400, "Usage", "See `lakehouse --help`.", exit=2),
    "cannot_listen": Code(
        503, "Cannot listen", "Choose another --port, or stop what listens there.", True, 3
    ),
}
"""All codes, by name. A test holds that each is documented in web/ERRORS.md and reachable."""
