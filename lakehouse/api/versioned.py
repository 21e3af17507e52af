"""An answer together with the event at which it is true. Pure."""

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Versioned(msgspec.Struct, Generic[T], frozen=True):
    """`body` is the answer. `seq` is the event at which a change became true, or up to which a read
    is true; HTTP sends it as `X-Journal-Seq`."""

    body: T
    seq: int
