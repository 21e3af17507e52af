"""What becomes of a command, in a form that events and the plain model share.

Must never judge a command.
"""

from typing import Any

Verdict = tuple[Any, ...]
"""("event", type, essentials…), ("unchanged", seq), ("replayed", seq), ("refused", code), ("again",)."""


def essentials(event: dict[str, Any]) -> Verdict:
    """An event as a verdict: its type and what it is about."""
    return _access_essentials(event["type"], event["data"]) or _essentials(event)


def _essentials(event: dict[str, Any]) -> Verdict:
    data = event["data"]
    match event["type"]:
        case "object_stored":
            return ("event", event["type"], data["key"], data["blob"])
        case "object_forgotten":
            return ("event", event["type"], data["key"])
        case "dataset_dropped" | "view_dropped" | "profile_dropped" | "profile_put":
            return ("event", event["type"], data["name"])
        case "source_put" | "source_dropped":
            return ("event", event["type"], data["name"])
        case "dataset_renamed":
            return ("event", event["type"], data["name"], data["to"])
        case "datasets_swapped":
            return ("event", event["type"], data["a"], data["b"])
        case "view_put":
            return ("event", event["type"], data["name"], list(data["reads"]))
        case "change_set_committed":
            return ("event", event["type"], [essentials(each) for each in data["changes"]])
        case "dataset_pinned":
            return ("event", event["type"], data["name"], data["as_of_seq"], data["blobs"])
    return _content_essentials(event["type"], data)


def _content_essentials(type_: str, data: dict[str, Any]) -> Verdict:
    if type_ == "rows_erased":
        erased = [
            (each["blob"], each["by"]["blob"] if each["by"] else None) for each in data["replaced"]
        ]
        return ("event", type_, list(data["names"]), erased)
    if type_ == "dataset_rewritten":
        pairs = [
            (list(each["blobs"]), [item["blob"] for item in each["by"]])
            for each in data["replaced"]
        ]
        return ("event", type_, data["name"], pairs, data["row_count"])
    blobs = [item["blob"] for item in data["objects"]]
    return ("event", type_, data["name"], blobs, data["row_count"])


def _access_essentials(type_: str, data: dict[str, Any]) -> Verdict | None:
    match type_:
        case "principal_put" | "principal_dropped":
            return ("event", type_, data["name"])
        case "token_issued" | "token_revoked":
            return ("event", type_, data["id"], data["principal"])
        case "grant_put":
            return ("event", type_, data["principal"], data["on"], tuple(data["can"]))
        case "grant_dropped":
            return ("event", type_, data["principal"], data["on"])
    return None


def no(code: str) -> Verdict:
    return ("refused", code)
