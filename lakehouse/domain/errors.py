"""Every error code as one table: HTTP status, exit code, whether to retry, and what to do. Pure.

A refusal is an expected answer and is returned (`Refused`); where it cannot be returned,
`RefusedError` carries it. A fault is broken machinery and is raised as it is. The hints here are for
clients of HTTP; `lakehouse/cli/hints.py` has those of the command line.
"""

import msgspec

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


class Code(msgspec.Struct, frozen=True):
    """One row of the error table. `exit`: the command line's exit code."""

    status: int
    title: str
    hint: str
    retryable: bool = False
    exit: int = 1


class Refused(msgspec.Struct, frozen=True):
    """An expected refusal: a code of CODES, what happened to which thing, and rows of details."""

    code: str
    detail: str
    errors: tuple[dict[str, Json], ...] = ()
    retry_after_s: int | None = None


class RefusedError(Exception):
    """Carries a Refused through code that cannot return it: streams, contexts, worker threads."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.code}: {refused.detail}")
        self.refused = refused


CODES: dict[str, Code] = {
    # 400: the request cannot be read.
    "invalid_request": Code(
        400, "Invalid request", "Send a request as /openapi.json describes it."
    ),
    "invalid_key": Code(
        400, "Invalid key", "Use 1 to 1,024 bytes of UTF-8, without empty, `.` or `..` components."
    ),
    "invalid_name": Code(
        400, "Invalid name", "Use up to 128 letters, digits and _; do not begin with a digit."
    ),
    "empty_name": Code(400, "Empty name", "Give the dataset a name."),
    "empty_fingerprint": Code(400, "Empty fingerprint", "Give the schema a fingerprint."),
    "missing_file": Code(
        400, "Missing file", "Send the file as the form field `file`, or as the body."
    ),
    "as_of_in_future": Code(
        400, "Future moment", "Use the number of an event that exists, or a time that has passed."
    ),
    "sql_error": Code(400, "SQL error", "Correct the statement; the message is DuckDB's."),
    "view_broken": Code(400, "View broken", "Restore what the view reads, or put the view again."),
    "incomplete_body": Code(400, "Incomplete body", "Send the whole body."),
    # 401: nobody that the lake knows.
    "unauthenticated": Code(
        401, "Unauthenticated", "Send a valid token as `Authorization: Bearer <token>`."
    ),
    # 403: not allowed.
    "forbidden": Code(403, "Forbidden", "Ask an admin of the lake for the right."),
    "stale_form": Code(403, "Stale form", "Reload the page and send its form again."),
    "foreign_host": Code(
        403,
        "Foreign host",
        "Use localhost, 127.0.0.1, [::1] or a host of the setting allowed_hosts.",
    ),
    "foreign_origin": Code(
        403,
        "Foreign origin",
        "Send the request from a program, or from a page that the setting allowed_origins names.",
    ),
    "tls_required": Code(403, "TLS required", "Use https, or the proxy's address."),
    "statement_not_allowed": Code(403, "Statement not allowed", "Send one read-only statement."),
    "too_many_attempts": Code(
        429, "Too many attempts", "Correct the token, and wait for a minute.", True, 3
    ),
    "quota_exceeded": Code(
        429, "Quota exceeded", "Send the request again later, or ask an admin for more.", True, 3
    ),
    # 404 to 416: the thing that was asked for, or the way of asking.
    "not_found": Code(404, "Not found", "Read /openapi.json for the routes."),
    "object_not_found": Code(404, "Object not found", "List the objects to see which keys exist."),
    "dataset_not_found": Code(404, "Dataset not found", "List the datasets to see which exist."),
    "namespace_not_found": Code(
        404, "Namespace not found", "The Iceberg catalog has one namespace, lake."
    ),
    "table_unreadable": Code(
        400,
        "Table cannot be read by Iceberg",
        "Run lakehouse compact NAME: it rewrites all objects, with types that Iceberg has.",
    ),
    "unsupported_operation": Code(
        406, "Operation not supported", "Change datasets by the lakehouse's own routes."
    ),
    "event_not_found": Code(
        404, "Event not found", "Read the journal's head to see the last event."
    ),
    "principal_not_found": Code(
        404, "Principal not found", "List the principals to see which exist."
    ),
    "token_not_found": Code(404, "Token not found", "List the tokens to see which exist."),
    "grant_not_found": Code(404, "Grant not found", "List the grants to see which exist."),
    "pin_not_found": Code(404, "Pin not found", "List the pins to see which exist."),
    "quarantine_not_found": Code(
        404,
        "Quarantine not found",
        "Use a key from `lake.quarantine` of this dataset; resolved ones are no longer listed.",
    ),
    "lake_not_found": Code(
        404, "Lake not found", "Correct --bucket; `lakehouse ingest` and `serve` create a lake."
    ),
    "method_not_allowed": Code(
        405, "Method not allowed", "Use a method that the header Allow names."
    ),
    "staged_not_found": Code(
        404, "Staged file not found", "Stage the file again; an id is valid once, for 23 hours."
    ),
    "view_not_found": Code(404, "View not found", "List the views to see which exist."),
    "profile_not_found": Code(404, "Profile not found", "List the profiles to see which exist."),
    "not_acceptable": Code(406, "Not acceptable", "Accept one of the media types of this route."),
    "query_not_found": Code(404, "Query not found", "Read /v1/queries to see which queries run."),
    "query_cancelled": Code(
        409, "Query cancelled", "Send the query again if you still need its result."
    ),
    "name_taken": Code(409, "Name taken", "Use the existing spelling, or another name."),
    "already_initialised": Code(
        409, "Already initialised", "Use `lakehouse access init --recover` for another admin token."
    ),
    "last_admin": Code(409, "Last admin", "Make another admin first."),
    "view_cycle": Code(409, "View cycle", "Use relations that do not read this view."),
    "expectation_failed": Code(
        409, "Expectation failed", "Read what is there now, then decide again."
    ),
    "derivation_cycle": Code(
        409, "Derivation cycle", "Read one of the datasets as of an event: `as_of`, or AT."
    ),
    "cannot_refresh": Code(
        409,
        "Cannot refresh",
        "Derive the dataset again with mode=replace; then it can be refreshed.",
    ),
    "fingerprint_conflict": Code(
        409, "Fingerprint conflict", "Drop the dataset first, or use another name."
    ),
    "schema_conflict": Code(
        409,
        "Schema conflict",
        "Correct the file, or use missing=null, schema_change=widen or schema_change=replace.",
    ),
    "object_in_use": Code(409, "Object in use", "Drop the dataset that holds the object first."),
    "objects_collected": Code(
        410, "Objects collected", "The bytes were deleted; restore them from a backup."
    ),
    "undo_conflict": Code(409, "Undo conflict", "Undo the later change first."),
    "cannot_undo": Code(
        409, "Cannot undo", "Events of this type have no inverse; make the change yourself."
    ),
    "key_exists": Code(412, "Key exists", "Leave out If-None-Match to store a new version."),
    "too_large": Code(413, "Too large", "Send less at once."),
    "command_too_large": Code(413, "Command too large", "Split the change into several."),
    "unsupported_media_type": Code(
        415, "Unsupported media type", "Send CSV, NDJSON or Parquet, as a form or as the body."
    ),
    "range_not_satisfiable": Code(416, "Range not satisfiable", "Use a range within the object."),
    "header_too_large": Code(
        431, "Header too large", "Use at most 1 KiB for a reason or an actor."
    ),
    "body_too_slow": Code(
        408, "Body too slow", "Send at least 1 KiB per second; send the request again.", True, 3
    ),
    # 422: well-formed, and impossible.
    "object_missing": Code(422, "Object missing", "Store the objects before you register them."),
    "empty_csv": Code(422, "Empty CSV", "Send a CSV with at least a header row."),
    "malformed_csv": Code(422, "Malformed CSV", "Correct the line, or use on_error=quarantine."),
    "malformed_ndjson": Code(
        422, "Malformed NDJSON", "Correct the line, or use on_error=quarantine."
    ),
    "malformed_parquet": Code(
        422, "Malformed Parquet", "Write the file again; check the types of its columns."
    ),
    "malformed_encoding": Code(
        422, "Malformed encoding", "Compress the file again; its compressed bytes are damaged."
    ),
    "too_few_rows": Code(422, "Too few rows", "Send the whole file, or use a lower min_rows."),
    "delimiter_suspected": Code(
        422, "Delimiter suspected", "Name the delimiter; delimiter=, means that it is a comma."
    ),
    "value_does_not_fit": Code(
        422, "Value does not fit", "Correct the value, or use another type for the column."
    ),
    "invalid_column": Code(
        422,
        "Invalid column",
        "Give each column its own name (AS), and cast it to a type that a dataset can have.",
    ),
    "duplicate_key": Code(
        422, "Duplicate key", "Keep one row of each key, or use a key that identifies each row."
    ),
    "null_key": Code(
        422, "Null in key", "Fill the key columns of these rows, or leave the rows out."
    ),
    "outside_where": Code(
        422, "Row outside where", "Leave these rows out, or use a condition that they match."
    ),
    "idempotency_key_reused": Code(
        422, "Idempotency key reused", "Use a new key for a new request."
    ),
    "method_not_supported": Code(
        501, "Method not supported", "Use GET, HEAD, POST, PUT or DELETE, in capitals."
    ),
    "transfer_coding_not_supported": Code(
        501, "Transfer coding not supported", "Use Transfer-Encoding: chunked, or Content-Length."
    ),
    # 5xx: the server's own; a retryable one may pass.
    "audit_corrupt": Code(
        500,
        "Audit corrupt",
        "Copy the bucket before you change anything, and compare the named batches with a backup.",
        exit=4,
    ),
    "internal_error": Code(500, "Internal error", "This is a bug: report it with the request id."),
    "cache_differs": Code(
        500,
        "Cache differs",
        "The slots are intact; run `lakehouse journal replay --repair`.",
        exit=4,
    ),
    "object_lost": Code(
        500,
        "Object lost",
        "Restore the object from a backup; `lakehouse journal verify --objects` lists the lost ones.",
        exit=4,
    ),
    "object_damaged": Code(
        500,
        "Object damaged",
        "Restore the object from a backup; `lakehouse journal verify --objects` lists the damaged ones.",
        exit=4,
    ),
    "audit_unavailable": Code(
        503,
        "Audit unavailable",
        "Correct what keeps the process from writing to its bucket; then send the request again.",
        True,
        3,
    ),
    "busy": Code(503, "Busy", "Send the request again after the seconds in Retry-After.", True, 3),
    "not_committed": Code(
        503, "Not committed", "Nothing was changed; send the request again.", True, 3
    ),
    "outcome_unknown": Code(
        503,
        "Outcome unknown",
        "The change may have been made; send it again with the same idempotency key.",
        True,
        3,
    ),
    "not_caught_up": Code(
        503,
        "Not caught up",
        "This process has not read that event yet; send the request again.",
        True,
        3,
    ),
    "upstream_unavailable": Code(
        502,
        "Upstream unavailable",
        "Start the role that the detail names; the other roles can be used.",
        True,
        3,
    ),
    "issuer_unavailable": Code(
        503, "Issuer unavailable", "Send the request again, or use a token of the lake.", True, 3
    ),
    "server_unreachable": Code(
        503, "Server unreachable", "Check the URL, the certificate and the network.", True, 3
    ),
    "bucket_unavailable": Code(
        503, "Bucket unavailable", "The store does not respond; send the request again.", True, 3
    ),
    "bucket_refused": Code(
        503,
        "Bucket refused",
        "Check the credentials, their permissions and the name of the bucket.",
        False,
        3,
    ),
    "bucket_not_found": Code(
        503, "Bucket not found", "Create the bucket, or correct its name in the settings."
    ),
    "bucket_broken": Code(
        503, "Bucket broken", "The store broke a promise; run `lakehouse doctor`.", False, 4
    ),
    "store_unfit": Code(
        503,
        "Store unfit",
        "Use a store that keeps the promise that is named; run `lakehouse doctor`.",
        False,
        4,
    ),
    "upgrade_required": Code(
        503, "Upgrade required", "A newer version wrote to this lake; upgrade this one.", False, 3
    ),
    "clock_skew": Code(
        503, "Clock skew", "Set this machine's clock; it differs from the store's.", True, 3
    ),
    "journal_corrupt": Code(
        503,
        "Journal corrupt",
        "Stop all writers and copy the bucket; `lakehouse journal verify` names the first bad slot.",
        False,
        4,
    ),
    "shutting_down": Code(
        503, "Shutting down", "The process stops; send the request again in a moment.", True, 3
    ),
    "query_killed": Code(
        503, "Query killed", "The query's process ended; send the query again.", True, 3
    ),
    "query_out_of_memory": Code(507, "Query out of memory", "Select fewer rows or columns."),
    "query_timeout": Code(504, "Query timeout", "Select less, or raise the time limit.", True, 3),
    "insufficient_storage": Code(
        507,
        "Insufficient storage",
        "Free space on the server's disk, then send the request again.",
        True,
        3,
    ),
    # Of the command line alone.
    "usage": Code(400, "Usage", "See `lakehouse --help`.", exit=2),
    "engine_error": Code(
        400, "Engine error", "Correct the statement; the message is the engine's."
    ),
    "engine_unavailable": Code(503, "Engine unavailable", "Start the engine.", True, 3),
    "cannot_listen": Code(
        503,
        "Cannot listen",
        "Choose another --port, or stop the process that uses this one.",
        True,
        3,
    ),
}
"""All codes, by name. A test holds that each is documented in web/ERRORS.md and reachable."""
