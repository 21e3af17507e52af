"""A form of the console with files in it: the fields before the files, and the files while they arrive.

Must never read a byte of a file before the handler asks for it: the form's proof is checked first.
"""

from collections.abc import AsyncIterator

from lakehouse.console.visit import SentFile
from lakehouse.web.http import bodies, forms
from lakehouse.web.http.exchange import Exchange

FORM_WITH_FILES = "multipart/form-data"


async def form_with_files(
    exchange: Exchange,
) -> tuple[dict[str, str], AsyncIterator[SentFile] | None]:
    """The fields of text that come before the first file, and the files; None where there are none.

    Raises RefusedError `invalid_request` for a text that is not UTF-8, and as `forms.fields` does.
    """
    found = forms.fields(exchange.request)
    texts: dict[str, str] = {}
    async for field in found:
        if field.filename is not None:
            return texts, _files(field, found)
        texts[field.name] = await _text(field)
    return texts, None


async def _text(field: forms.FormField) -> str:
    content = b"".join([chunk async for chunk in field.chunks])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise bodies.invalid(f"the field {field.name} is not UTF-8") from error


async def _files(
    first: forms.FormField, later: AsyncIterator[forms.FormField]
) -> AsyncIterator[SentFile]:
    """The files that were chosen: a browser sends one without a name where none was."""
    if first.filename:
        yield SentFile(first.filename, first.chunks)
    async for field in later:
        if field.filename:
            yield SentFile(field.filename, field.chunks)
