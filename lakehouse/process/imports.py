"""Which optional libraries this process may load, directly or through others."""

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


def refuse_pandas() -> None:
    """Make `import pandas` fail in this process, as it does where pandas is not installed.

    pyarrow imports pandas, where it is installed, the first time that it converts Python values:
    1.1 s of CPU time in each process, and nothing here uses it.
    """
    sys.meta_path.insert(0, _NoPandas())


def import_structlog() -> None:
    """Import structlog without rich, which it takes where it is installed, to colour tracebacks.

    Ours are JSON. That is 0.27 s of CPU time in each process, two thirds of what structlog costs. rich
    itself can be imported afterwards.
    """
    if "structlog" in sys.modules or "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # so says the import system that it is absent
    try:
        importlib.import_module("structlog")
    finally:
        del sys.modules["rich"]


class _NoPandas:
    """A finder that ends the search for pandas. `sys.modules[…] = None` is not enough for pyarrow 26."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises ModuleNotFoundError for pandas; leaves all others to the next finder."""
        if name == "pandas":
            raise ModuleNotFoundError("this process does not use pandas", name=name)
        return None
