"""Codes of requests that cannot be read, have no valid credentials or are not allowed. Pure."""

from lakehouse.domain.error_codes.code import Code

REQUESTS: dict[str, Code] = {
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
        400,
        "Moment in the future",
        "Use the number of an event that exists, or a time that has passed.",
    ),
    "sql_error": Code(400, "SQL error", "Correct the statement; the message is DuckDB's."),
    "view_broken": Code(400, "View broken", "Restore what the view reads, or put the view again."),
    "incomplete_body": Code(400, "Incomplete body", "Send the whole body."),
    # 401: no valid credentials.
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
}
"""400, 401, 403 and 429."""
