"""What an engine's commit asks for: an append on a snapshot, or what is refused. Pure.

Owns the forms of Iceberg's requirements, updates, manifest lists and manifests that are accepted.
"""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.iceberg.foreign_avro import records
from lakehouse.iceberg.metadata import Json

MAX_MANIFESTS = 100
"""New manifests of one append."""
MAX_FILES = 1_000
"""Files of one append: an event has at most as many changes."""
_ASSERTED = {
    "assert-table-uuid": ("uuid", "table-uuid"),
    "assert-current-schema-id": ("current-schema-id", "current-schema-id"),
    "assert-last-assigned-field-id": ("last-assigned-field-id", "last-column-id"),
    "assert-last-assigned-partition-id": ("last-assigned-partition-id", "last-partition-id"),
    "assert-default-spec-id": ("default-spec-id", "default-spec-id"),
    "assert-default-sort-order-id": ("default-sort-order-id", "default-sort-order-id"),
}
"""Requirement → its member, and the member of the metadata that must be equal."""
_ADDED, _DATA = 1, 0


class Append(msgspec.Struct, frozen=True):
    """A snapshot that a client adds: its own id, and the URL of its manifest list."""

    snapshot_id: int
    manifest_list: str


class NewFile(msgspec.Struct, frozen=True):
    """A data file that an append adds: its URL, and how many rows the client says that it has."""

    url: str
    row_count: int


def snapshot_of(updates: Sequence[Json]) -> Append:
    """The append that updates ask for. Raises RefusedError `unsupported_operation`, `invalid_request`."""
    by_action = {str(each.get("action")): each for each in updates}
    if len(updates) != len(by_action) or set(by_action) != {"add-snapshot", "set-snapshot-ref"}:
        shown = ", ".join(str(each.get("action"))[:64] for each in updates) or "none"
        raise _unsupported(f"add-snapshot with set-snapshot-ref, not {shown}")
    snapshot, ref = by_action["add-snapshot"].get("snapshot"), by_action["set-snapshot-ref"]
    if not isinstance(snapshot, dict):
        raise _invalid("add-snapshot has no snapshot")
    identity, listed = snapshot.get("snapshot-id"), snapshot.get("manifest-list")
    if type(identity) is not int or not 0 < identity < 2**63 or not isinstance(listed, str):
        raise _invalid("the snapshot has no snapshot-id or no manifest-list")
    named = (ref.get("ref-name"), ref.get("type"), ref.get("snapshot-id"))
    if named != ("main", "branch", identity):
        raise _unsupported("set-snapshot-ref of the branch main to the added snapshot")
    summary = snapshot.get("summary")
    operation = summary.get("operation") if isinstance(summary, dict) else None
    if operation != "append":
        raise _unsupported(f"a snapshot with the operation append, not {str(operation)[:64]}")
    return Append(identity, listed)


def check_base(requirements: Sequence[Json], updates: Sequence[Json], document: Json) -> int:
    """The snapshot that an append was made on, which must be the table's present one.

    Raises RefusedError `expectation_failed` where it is not, `unsupported_operation` for other requirements.
    """
    current = document["current-snapshot-id"]
    for each in requirements:
        kind = str(each.get("type"))
        if kind == "assert-ref-snapshot-id":
            if each.get("ref") != "main":
                raise _unsupported("the branch main")
            _expect("main", each.get("snapshot-id"), current)
        elif kind in _ASSERTED:
            member, present = _ASSERTED[kind]
            _expect(present, each.get(member), document[present])
        else:
            raise _unsupported(f"other requirements than {kind[:64]}")
    snapshot = next(each["snapshot"] for each in updates if each.get("action") == "add-snapshot")
    _expect("main", snapshot.get("parent-snapshot-id"), current)
    return int(current)


def manifests(body: bytes) -> frozenset[str]:
    """The URLs of the manifests of a list of our own."""
    return frozenset(str(row["manifest_path"]) for row in records(body))


def new_manifests(body: bytes, known: Collection[str]) -> list[str]:
    """The URLs of the manifests that a list has beside all those of the table, `known`.

    Raises RefusedError.
    """
    found: list[str] = []
    for row in _read(body, "the manifest list"):
        if row.get("content", _DATA) != _DATA:
            raise _unsupported("data files, and no delete files")
        if row.get("partition_spec_id", 0) != 0:
            raise _unsupported("files without partitions")
        found.append(str(row.get("manifest_path")))
    if not set(known) <= set(found):
        raise _unsupported(
            "manifests that are added to those of the table: set commit.manifest-merge.enabled=false"
        )
    added = [each for each in found if each not in known]
    if len(added) > MAX_MANIFESTS or len(found) != len(set(found)):
        raise _invalid(f"the manifest list adds more than {MAX_MANIFESTS} manifests, or one twice")
    return added


def new_files(body: bytes, url: str) -> list[NewFile]:
    """The files that a new manifest adds. Raises RefusedError."""
    found: list[NewFile] = []
    for row in _read(body, f"the manifest {_last(url)}"):
        file = row.get("data_file")
        if not isinstance(file, dict):
            raise _invalid(f"the manifest {_last(url)} has an entry without a file")
        if row.get("status") != _ADDED or file.get("content", _DATA) != _DATA:
            raise _unsupported("entries that add data files")
        if str(file.get("file_format")).upper() != "PARQUET":
            raise _unsupported("Parquet files")
        rows = file.get("record_count")
        if type(rows) is not int or not isinstance(file.get("file_path"), str):
            raise _invalid(f"the manifest {_last(url)} has a file without path or record_count")
        found.append(NewFile(file["file_path"], rows))
    return found


def _read(body: bytes, what: str) -> list[dict[str, Any]]:
    try:
        return records(body)
    except ValueError as error:
        raise _invalid(f"{what} cannot be read: {error}") from error


def _expect(what: str, expected: object, actual: object) -> None:
    if expected != actual:
        detail = f"{what} is {actual}, and the commit expects {str(expected)[:64]}: load it again"
        raise RefusedError(Refused("expectation_failed", detail))


def _last(url: str) -> str:
    return url.rpartition("/")[2][:128]


def _unsupported(accepted: str) -> RefusedError:
    return RefusedError(Refused("unsupported_operation", f"a commit can only have {accepted}"))


def _invalid(detail: str) -> RefusedError:
    return RefusedError(Refused("invalid_request", detail))
