"""Accept against what is on offer."""

import pytest

from lakehouse.web.http.negotiation import choose

OFFERED = ("application/json", "application/x-ndjson", "text/csv")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/*", "text/csv"),
        ("TEXT/CSV", "text/csv"),
        ("text/csv; header=present", "text/csv"),
        ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("text/csv;q=0.5, application/json;q=0.2", "text/csv"),
        ("text/csv, */*;q=0.1", "text/csv"),
        ("application/json;q=0, */*", "application/x-ndjson"),
        ("application/json;q=0", None),
        ("*/*;q=0", None),
        ("text/html, image/*", None),
        ("text/html, */*;q=0.8", "application/json"),
        ("text/csv;q=much", "text/csv"),
        ("nonsense", None),
        (",;,", None),
    ],
)
def test_the_preferred_of_what_is_offered(accept: str | None, chosen: str | None) -> None:
    assert choose(accept, OFFERED) == chosen
