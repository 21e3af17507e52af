"""What storage answers."""

from lakehouse.web.shapes.shape import Shape


class StoredObject(Shape, frozen=True):
    """The receipt of a PUT."""

    key: str
    size_bytes: int
    sha256: str
    seq: int


class ListedObject(Shape, frozen=True):
    """A key's current version."""

    key: str
    size_bytes: int
    sha256: str
    seq: int
    created_at: str


class ObjectPage(Shape, frozen=True):
    """Keys in byte order; `next` goes into `after`, null at the end."""

    objects: list[ListedObject]
    next: str | None
