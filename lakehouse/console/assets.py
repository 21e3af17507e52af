"""The scripts and styles of the console: files of the package, served by a URL that has their hash.

Owns which files are served. Must never serve another file of the package.
"""

import functools
import hashlib
from importlib.resources import files

import msgspec

from lakehouse.console.visit import ROOT

PATH = f"{ROOT}/assets/"
_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_HASH_CHARACTERS = 16


class Asset(msgspec.Struct, frozen=True):
    """One file."""

    name: str
    body: bytes
    sha256: str
    media_type: str

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"{PATH}{self.sha256[:_HASH_CHARACTERS]}/{self.name}"

    @property
    def text(self) -> str:
        """A style or a script as text."""
        return self.body.decode()


@functools.cache
def assets() -> dict[str, Asset]:
    """All assets by name, read once."""
    folder = files("lakehouse.console") / "assets"
    found = {}
    for file in folder.iterdir():
        media_type = _TYPES.get(file.name.rpartition(".")[2])
        if media_type is not None:
            body = file.read_bytes()
            digest = hashlib.sha256(body).hexdigest()
            found[file.name] = Asset(file.name, body, digest, media_type)
    return found


def served(tail: str) -> Asset | None:
    """The asset at `<hash>/<name>`; None when there is none, or its bytes are others."""
    digest, _, name = tail.partition("/")
    found = assets().get(name)
    return found if found is not None and found.url == f"{PATH}{digest}/{name}" else None
