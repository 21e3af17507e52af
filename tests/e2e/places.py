"""Where a test runs: a bucket, and how to start a process on it."""

from collections.abc import Callable
from typing import NamedTuple

from process import Lakehouse

Start = Callable[..., Lakehouse]


class Place(NamedTuple):
    """Where a bucket is, and what a process must know to reach it."""

    bucket: str
    environ: dict[str, str]
