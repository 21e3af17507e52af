"""Files shared by queries: made once, kept while a query reads them, then cached within a bound.

Owns a directory. Each file is made by its own task, so that the first query may be cancelled; its name
determines its content, so it is never written twice.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1024 * 1024
KEPT_BYTES = 1024 * MIB
KEPT_FILES = 4_096

Make = Callable[[Path], Coroutine[None, None, None]]


class _File:
    """One file: its readers, and the task that makes it."""

    def __init__(self, path: Path, making: "asyncio.Task[None]") -> None:
        self.path = path
        self.making = making
        self.readers = 0
        self.size_bytes = 0


class Files:
    """The files of one process, the least recently used first."""

    def __init__(self, directory: Path, kept_bytes: int = KEPT_BYTES) -> None:
        self._directory = directory
        self._kept_bytes = kept_bytes
        self._files: OrderedDict[str, _File] = OrderedDict()

    @contextmanager
    def loan(self) -> Iterator["Loan"]:
        """The files of one query, released at its end."""
        loan = Loan(self)
        try:
            yield loan
        finally:
            for file in loan.taken:
                file.readers -= 1
            if loan.taken:
                self._evict()

    async def take(self, name: str, make: Make) -> _File:
        """The file of that name, with one more reader. Raises what `make` raises, each time."""
        file = self._files.get(name)
        if file is None:
            path = self._directory / name
            file = _File(path, asyncio.create_task(make(path)))
            self._files[name] = file
        self._files.move_to_end(name)
        file.readers += 1
        try:
            await asyncio.shield(file.making)
        except BaseException:
            file.readers -= 1
            if file.making.done() and self._files.get(name) is file:
                self._remove(name)
            raise
        file.size_bytes = file.path.stat().st_size
        return file

    def knows(self, name: str) -> bool:
        """Whether the file of that name is there, or under way."""
        return name in self._files

    def _evict(self) -> None:
        size_bytes = sum(file.size_bytes for file in self._files.values())
        for name, file in list(self._files.items()):
            if size_bytes <= self._kept_bytes and len(self._files) <= KEPT_FILES:
                return
            if not file.readers and file.making.done():
                size_bytes -= file.size_bytes
                self._remove(name)

    def _remove(self, name: str) -> None:
        self._files.pop(name).path.unlink(missing_ok=True)


class Loan:
    """The files that one query reads."""

    def __init__(self, files: Files) -> None:
        self.taken: list[_File] = []
        self._files = files

    def knows(self, name: str) -> bool:
        """Whether the file of that name is there, or under way."""
        return self._files.knows(name)

    async def path(self, name: str, make: Make) -> str:
        """The path of the file of that name; `make` makes it unless it exists or is being made."""
        file = await self._files.take(name, make)
        self.taken.append(file)
        return str(file.path)
