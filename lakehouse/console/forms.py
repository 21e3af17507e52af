"""A form that was refused: its page is shown again, with what was typed and the error at its field. Pure.

Owns which page a form is on, and which field a refusal is about. Must never send back a token.
"""

import re

import msgspec

from lakehouse.domain.errors import CODES, Refused


class Place(msgspec.Struct, frozen=True):
    """The page that a form is on: its path, what follows the fixed part of it, and its parameters."""

    path: str
    name: str = ""
    query: dict[str, str] = {}


class FormRefusal(msgspec.Struct, frozen=True):
    """Why a form was refused, and at which of its fields; an empty one: at none alone."""

    action: str
    """Where the form was sent to."""
    refused: Refused
    field: str


REASON = (("^header_too_large: the reason", "reason"),)
_HINTS = {
    "header_too_large": "Shorten the text to 1,024 bytes, which are about 1,000 letters.",
    "invalid_request": "Correct the field, then send the form again.",
    "schema_conflict": "Correct the rows, then check them again.",
    "malformed_csv": "Correct the line, then check the rows again.",
    "not_committed": "Nothing has changed. Send the form again in a moment.",
    "busy": "Nothing has changed. Send the form again in a moment.",
}
"""Where what a program must do is not what a person does here."""


def field_at_fault(refused: Refused, fields: tuple[tuple[str, str], ...]) -> str:
    """The field of the first pattern that fits `code: detail`; empty if none does."""
    text = f"{refused.code}: {refused.detail}"
    found = (field for pattern, field in (*REASON, *fields) if re.search(pattern, text))
    return next(found, "")


def stays_on_page(refused: Refused) -> bool:
    """Whether a refusal is shown at the form: not one of who asks, or of a page that is gone."""
    return CODES[refused.code].status not in (401, 403)


def hint_in_form(code: str) -> str:
    """What a person does about a refusal, in the words of the console."""
    return _HINTS.get(code, CODES[code].hint)
