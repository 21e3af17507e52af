"""What SQLAlchemy's suite for dialects tests of SELECT."""

from sqlalchemy.testing.suite.test_select import *  # noqa: F403
