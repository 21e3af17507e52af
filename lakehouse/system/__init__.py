"""The system views `lake.*`: the lake's own state as relations that SQL can ask."""

from lakehouse.system.files import Loan
from lakehouse.system.views import Remembered, SystemViews

__all__ = ["Loan", "Remembered", "SystemViews"]
