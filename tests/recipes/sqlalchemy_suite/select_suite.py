"""What SQLAlchemy's suite for dialects tests of SELECT, of results, of parameters, and of plain types."""

from sqlalchemy.testing.suite.test_dialect import (
    DifficultParametersTest,  # noqa: F401
    EscapingTest,  # noqa: F401
    PingTest,  # noqa: F401
)
from sqlalchemy.testing.suite.test_results import *  # noqa: F403
from sqlalchemy.testing.suite.test_select import *  # noqa: F403
from sqlalchemy.testing.suite.test_types import (
    BinaryTest,  # noqa: F401
    DateTest,  # noqa: F401
    DateTimeMicrosecondsTest,  # noqa: F401
    IntegerTest,  # noqa: F401
    TimeTest,  # noqa: F401
)
