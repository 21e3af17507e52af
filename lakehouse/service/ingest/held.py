"""Quarantine files as a command or a page chooses among them, and the options to read their rows again.

Owns which files go together. Loads no library of a file format: a command that asks a server needs this.
"""

from collections.abc import Sequence

import msgspec

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.formats.options import REJECT, Options


class Held(msgspec.Struct, frozen=True):
    """One quarantine file: `seq` is of the event that made it, `options` those that its source was
    read with."""

    key: str
    blob: str
    row_count: int
    seq: int
    options: Options


def chosen_of(name: str, held: Sequence[Held], key: str | None) -> list[Held]:
    """The files of a dataset that have this key; all for None. Raises RefusedError `quarantine_not_found`."""
    chosen = [each for each in held if key in (None, each.key)]
    if key is not None and not chosen:
        detail = f"dataset {name} has no quarantine file {key!r}"
        raise RefusedError(Refused("quarantine_not_found", detail))
    return chosen


def options_of(chosen: Sequence[Held]) -> Options:
    """The options that the sources of all chosen files were read with, to ingest the rows again.

    The dataset's types apply now, whatever was given then. Raises RefusedError
    `quarantine_not_found` for no file, `invalid_request` where the options differ.
    """
    found = {
        msgspec.structs.replace(
            each.options,
            on_error=REJECT,
            types=(),
            missing_as_null=False,
            min_rows=0,
            delimiter_given=True,
        )
        for each in chosen
    }
    if not found:
        raise RefusedError(Refused("quarantine_not_found", "the dataset has no quarantine"))
    if len(found) > 1:
        detail = "the files were read with different options; choose one by its key"
        raise RefusedError(Refused("invalid_request", detail))
    return found.pop()
