"""Errors of Flight SQL: a status for each code, and no traceback in any message."""

import traceback

import pyarrow as pa
import pyarrow.flight as fl
import pytest

from lakehouse.domain.errors import CODES, Refused
from lakehouse.flight.statuses import InvalidArgument, NotFound, Unimplemented, Unknown, error_of


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_an_error_that_names_it(code: str) -> None:
    error = error_of(Refused(code, "what happened"))
    assert str(error) == f"{code}: what happened"
    status = CODES[code].status
    assert isinstance(error, fl.FlightError) == (
        status in (401, 403, 429) or status >= 500 or code == "query_cancelled"
    )
    assert isinstance(error, pa.ArrowKeyError) == (status in (404, 410))


@pytest.mark.parametrize("kind", [InvalidArgument, NotFound, Unimplemented, Unknown])
def test_python_cannot_format_a_traceback_of_these(kind: type[Exception]) -> None:
    """pyarrow sends the text of `traceback.format_exception`, or the name of the type if it raises."""
    error = kind("words")
    with pytest.raises(RuntimeError, match="no traceback"):
        traceback.format_exception(kind, error, None)
