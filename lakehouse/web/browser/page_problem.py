"""How a refusal becomes a page where a browser asked for one.

Owns the key alone, so that a process without a console loads none of it.
"""

from collections.abc import Callable

from aiohttp import web

from lakehouse.domain.errors import Refused

PageProblem = Callable[[web.BaseRequest, Refused, str], web.Response]
PAGE_PROBLEM: web.RequestKey[PageProblem] = web.RequestKey("PAGE_PROBLEM")
"""Set on a request for a page of the console that no other site sent: makes the page of its refusal."""
